/** Reading from the engine for the programs' own purposes: the console, tools, tests. */
import * as Effect from "effect/Effect"
import type { Engine, EngineError } from "./Engine.ts"

export type Row = Readonly<Record<string, unknown>>

/** Numbers, texts, booleans and null of a query's parameters. */
export type Parameter = string | number | bigint | boolean | null

/** A text as a literal of ClickHouse's SQL. */
export const literal = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`

/** The value as `SET param_x = …` wants it: in the escaped form of TabSeparated, as a literal. */
export const parameter = (value: Parameter): string =>
  literal(
    value === null
      ? "\\N"
      : String(value).replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n").replaceAll("'", "\\'")
  )

/**
 * The rows of a query, whose `{name:Type}` are taken from `parameters`. Numbers of 64 bits come as texts. Ends after 30 s
 * or when interrupted.
 */
export const rows = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  sql: string,
  parameters: Readonly<Record<string, Parameter>> = {}
): Effect.fn.Return<ReadonlyArray<Row>, EngineError> {
  const settings = ["max_execution_time = 30", "output_format_json_quote_64bit_integers = 1"]
  for (const [name, value] of Object.entries(parameters)) settings.push(`param_${name} = ${parameter(value)}`)
  const { bytes } = yield* engine.read({ sql, format: "JSONEachRow", before: [`SET ${settings.join(", ")}`] })
  return new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row)
})
