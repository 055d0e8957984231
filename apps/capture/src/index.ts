export * as CaptureApp from "./CaptureApp.ts"
export * as Config from "./Config.ts"
