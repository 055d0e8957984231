/**
 * The engine over ClickHouse's HTTP protocol with writing, on loopback and behind a secret, for the programs of this machine
 * that would have a ClickHouse server in production (guides clickhouse 8). The secret is the password, so that
 * `http://default:SECRET@127.0.0.1:port` is all that a client needs; the user's name does not matter.
 *
 * The data of `INSERT … FORMAT f` goes in as bytes. Every other statement runs in a session of its own with the request's
 * settings, without role and without limits; a client that goes away ends it, but not an insert.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import type { RawInsertFormat } from "chdb"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { StartError } from "../StartError.ts"
import { type Answer, Engine, type EngineError } from "./Engine.ts"
import * as Insert from "./front/Insert.ts"
import * as Refusal from "./front/Refusal.ts"
import type * as Reply from "./front/Reply.ts"
import * as Request from "./front/Request.ts"
import { serve } from "./front/Serve.ts"
import * as Settings from "./front/Settings.ts"

export class WriteFront extends Context.Service<WriteFront, { readonly port: number }>()(
  "@tributary/embedded/WriteFront"
) {}

export interface Options {
  /** 0 = any that is free. */
  readonly port: number
  readonly password: Redacted.Redacted
}

/** A body is held whole, and the engine's memory while it parses is a few times that. */
export const maxBodyBytes = 64 * 1024 * 1024

/** Text formats: the engine takes no others as bytes. */
const formats = new Map<string, RawInsertFormat>(
  (
    [
      ...["JSONEachRow", "JSONCompactEachRow", "CSV", "CSVWithNames", "TSV", "TabSeparated", "TSVWithNames"],
      "TabSeparatedWithNames"
    ] as const
  ).map((format) => [format.toLowerCase(), format as RawInsertFormat])
)

const digest = (text: string) => createHash("sha256").update(text).digest()

/** Whether a request brings the password: as Basic authentication, in ClickHouse's own header, or in the URL. */
const knows = (password: Redacted.Redacted) => {
  const wanted = digest(Redacted.value(password))
  return (headers: IncomingHttpHeaders, url: URL): boolean => {
    const [, basic] = /^Basic\s+(\S+)$/i.exec(headers.authorization ?? "") ?? []
    const pair = basic === undefined ? undefined : Buffer.from(basic, "base64").toString()
    const key = headers["x-clickhouse-key"]
    const given =
      pair?.slice(pair.indexOf(":") + 1) ?? (typeof key === "string" ? key : url.searchParams.get("password"))
    return timingSafeEqual(digest(given ?? ""), wanted)
  }
}

type Answered = Omit<Reply.Answered, "queryId">

const insert = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  request: Request.Request,
  found: Insert.Insert,
  database: string
): Effect.fn.Return<Answered, EngineError> {
  const format = formats.get(found.format.toLowerCase())
  if (format === undefined) return yield* Refusal.make(73, `Format ${found.format} cannot be inserted here, only text`)
  const written = yield* engine.insert({
    table: `${found.database ?? database}.${found.table}`,
    ...(found.columns === undefined ? {} : { columns: found.columns }),
    format,
    values: found.rows,
    settings: Object.fromEntries(Settings.given(new Map([...request.settings, ...found.settings])))
  })
  return { answer: written, format, packing: request.packing }
})

const run = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  request: Request.Request
): Effect.fn.Return<Answered, EngineError> {
  // The database itself may have to be made yet, so it is not where a request begins.
  const database = yield* Request.database(request, "default")
  const parameters = yield* Request.parameters(request)
  const found = Insert.recognise(request)
  if (found !== undefined) return yield* insert(engine, request, found, database)

  const sql = Request.statement(request)
  const settings = [...Settings.given(request.settings)].map(([name, value]) => Settings.assignment(name, value))
  const set = [...settings, ...parameters]
  const answer: Answer = yield* engine.read({
    sql,
    format: request.format,
    before: [`USE \`${database}\``, ...(set.length === 0 ? [] : [`SET ${set.join(", ")}`])]
  })
  return { answer, format: /\sFORMAT\s+(\w+)\s*;?\s*$/i.exec(sql)?.[1] ?? request.format, packing: request.packing }
})

/** Listens until the scope closes; what runs then is waited for. */
export const layer = ({ password, port }: Options): Layer.Layer<WriteFront, StartError | EngineError, Engine> =>
  Layer.effect(
    WriteFront,
    Effect.gen(function* () {
      const engine = yield* Engine
      const admits = knows(password)
      const bound = yield* serve({
        port,
        setting: "CLICKHOUSE_WRITE_PORT",
        maxBodyBytes,
        atOnce: 12,
        drain: "5 seconds",
        refuse: (headers, url) =>
          admits(headers, url) ? undefined : Refusal.make(516, "Authentication failed: the password is incorrect"),
        answer: (request) => run(engine, request)
      })
      return WriteFront.of({ port: bound })
    })
  )
