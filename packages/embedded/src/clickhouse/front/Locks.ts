/**
 * What the front refuses before the engine sees it (guides clickhouse 7). `readonly` alone is no sandbox: a query can read
 * and write files, and a page in a browser can reach a loopback address.
 */
import type { IncomingHttpHeaders } from "node:http"
import * as Effect from "effect/Effect"
import type { Engine, EngineError } from "../Engine.ts"
import * as Query from "../Query.ts"
import * as Refusal from "./Refusal.ts"

const loopback = new Set(["localhost", "127.0.0.1", "[::1]"])

/** Why these headers do not come from a program on this machine; undefined if they may. */
export const foreign = (headers: IncomingHttpHeaders): string | undefined => {
  const host = (headers.host ?? "").replace(/:\d*$/, "").toLowerCase()
  // A name that a web page made point here would otherwise count as the page's own server.
  if (!loopback.has(host)) return "the Host is not a loopback address"
  if (headers.origin !== undefined) return "requests of web pages are not served (Origin)"
  if (headers["sec-fetch-site"] === "cross-site") return "requests of web pages are not served (Sec-Fetch-Site)"
  return undefined
}

/** Scalar functions that check no grant: one reads any file, the other would run any SQL. */
const forbidden = new Set(["file", "eval"])

const isForbidden = (identifier: string) => forbidden.has(identifier.toLowerCase())

const token = /'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\])*"|\{\s*(\w+)\s*:\s*Identifier\s*\}|[A-Za-z_]\w*/gs

/**
 * What is forbidden in a statement as the engine's parser writes it: without comments, with one way of quoting. An
 * identifier that is given as a parameter must be a plain one, since its escapes are undone later.
 */
const refusedWord = (canonical: string, parameters: ReadonlyMap<string, string>): string | undefined => {
  for (const [text, parameter] of canonical.matchAll(token)) {
    if (text.startsWith("'")) continue
    const identifier = parameter !== undefined ? (parameters.get(parameter) ?? "") : text.replaceAll(/^[`"]|[`"]$/g, "")
    if (isForbidden(identifier) || identifier.includes("\\")) return identifier
    if (parameter !== undefined && !/^\w*$/.test(identifier)) return identifier
  }
  return undefined
}

/**
 * Lets one reading statement through and answers it in the form in which the engine's parser writes it. Everything else is
 * refused: several statements, writing and controlling ones (also `INTO OUTFILE`, `SET`, `PARALLEL WITH`), and functions
 * that check no grant. A syntax error fails with the engine's own text.
 */
export const readOnly = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  sql: string,
  parameters: ReadonlyMap<string, string>
): Effect.fn.Return<string, EngineError> {
  const { statementCount, queryClass } = yield* engine.analyze(sql)
  const [formatted] = yield* Query.rows(engine, "SELECT formatQuerySingleLine({sql:String}) AS sql", { sql })
  const canonical = formatted?.["sql"]
  if (statementCount !== 1) return yield* Refusal.make(62, "One statement at a time is answered here")
  if (queryClass !== 0 || typeof canonical !== "string") {
    return yield* Refusal.make(164, "Only statements that read are answered here")
  }
  const word = refusedWord(canonical, parameters)
  if (word !== undefined) return yield* Refusal.make(497, `The identifier ${word} is not allowed here`)
  return canonical
})
