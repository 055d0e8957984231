/** Refusals of the front in ClickHouse's own words, so that clients read them as they read the engine's. */
import { EngineError } from "../Engine.ts"

const names = {
  36: "BAD_ARGUMENTS",
  62: "SYNTAX_ERROR",
  73: "UNKNOWN_FORMAT",
  81: "UNKNOWN_DATABASE",
  115: "UNKNOWN_SETTING",
  164: "READONLY",
  497: "ACCESS_DENIED",
  516: "AUTHENTICATION_FAILED"
} as const

/** `Code: 164. DB::Exception: text. (READONLY)`. The text comes without a full stop. */
export const make = (code: keyof typeof names, text: string): EngineError =>
  new EngineError({ code, message: `Code: ${code}. DB::Exception: ${text}. (${names[code]})` })
