export * as DataDir from "./DataDir.ts"
export * as Platform from "./Platform.ts"
export * as EmbeddedPostgres from "./postgres/EmbeddedPostgres.ts"
export * as StartError from "./StartError.ts"
