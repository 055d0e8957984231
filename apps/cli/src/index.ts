export * as Tributary from "./Tributary.ts"
