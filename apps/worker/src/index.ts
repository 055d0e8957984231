export * as Config from "./Config.ts"
export * as Worker from "./Worker.ts"
export * as WorkerApp from "./WorkerApp.ts"
