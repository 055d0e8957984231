export * as Capture from "./Capture.ts"
export * as Config from "./Config.ts"
