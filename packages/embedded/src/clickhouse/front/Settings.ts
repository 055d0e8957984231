/** Which settings a client may bring along in the URL, and how far a reader may (guides clickhouse 7). */
import * as Effect from "effect/Effect"
import type { EngineError } from "../Engine.ts"
import { literal } from "../Query.ts"
import * as Refusal from "./Refusal.ts"

/** Limits of one query, and what a client may ask for at most. 0 means "without limit" to ClickHouse, so it is capped too. */
const limits = new Map([
  ["max_execution_time", 10],
  ["max_memory_usage", 500_000_000],
  ["max_result_rows", 100_000],
  ["max_result_bytes", 64_000_000],
  ["max_threads", 2]
])

/** Where nobody asks for it there is no colour: the engine would look whether `npm start` runs on a terminal. */
const colour = "output_format_pretty_color"

/**
 * Harmless settings of how a query reads and how its answer looks. Not all that are called `format_…` are: some name files
 * that a format reads or writes.
 */
const passes = new RegExp(
  `^(${[
    "output_format_(json|csv|tsv|pretty|arrow|parquet|native|values|decimal|xml|markdown)_\\w+",
    "output_format_(write_statistics|parallel_formatting|enable_streaming)",
    "format_(csv|tsv|custom)_\\w+",
    "date_time_output_format|bool_(true|false)_representation|session_timezone",
    "max_block_size|max_rows_to_read|max_bytes_to_read|(result|read|timeout)_overflow_mode",
    "limit|offset|extremes|final|join_use_nulls|prefer_column_name_to_alias|log_queries"
  ].join("|")})$`
)

/** Settings that clients send by themselves and that mean nothing here. */
const swallowed = new Set([
  ...["async_insert", "wait_for_async_insert", "buffer_size", "client_protocol_version", "close_session", "compress"],
  ...["decompress", "default_format", "http_zlib_compression_level", "network_compression_method", "password"],
  ...["quota_key", "readonly", "role", "session_check", "session_id", "session_timeout", "stacktrace", "user"],
  ...["wait_end_of_query", "cancel_http_readonly_queries_on_client_close", "enable_http_compression"],
  ...["http_headers_progress_interval_ms", "http_write_exception_in_output_format", "send_progress_in_http_headers"]
])

/** What a program that writes may set: everything but what clients send by themselves, async inserts among them. */
export const given = (settings: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...settings].filter(([name]) => !swallowed.has(name)))

/** `name = value` as `SET` takes it. */
export const assignment = (name: string, value: string): string =>
  `${name} = ${/^\d+$/.test(value) ? value : literal(value)}`

/** `name = value` for a `SET`: the limits always, and what the client may set. Fails for a setting it may not. */
export const assignments = (
  settings: ReadonlyMap<string, string>
): Effect.Effect<ReadonlyArray<string>, EngineError> => {
  const set: Array<string> = []
  for (const [name, most] of limits) {
    const asked = Number(settings.get(name) ?? most)
    set.push(`${name} = ${asked > 0 && asked < most ? Math.ceil(asked) : most}`)
  }
  if (!settings.has(colour)) set.push(assignment(colour, "0"))
  for (const [name, value] of settings) {
    if (limits.has(name) || swallowed.has(name)) continue
    if (!passes.test(name)) return Effect.fail(Refusal.make(115, `Setting ${name} is neither known here nor allowed`))
    set.push(assignment(name, value))
  }
  return Effect.succeed(set)
}
