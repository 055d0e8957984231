export * as Config from "./Config.ts"
export * as Ingestion from "./Ingestion.ts"
export * as Worker from "./Worker.ts"
