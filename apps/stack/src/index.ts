export * as Stack from "./Stack.ts"
