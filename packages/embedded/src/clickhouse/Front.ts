/**
 * The engine's tables over ClickHouse's HTTP protocol, read-only and on loopback, for clients that people have anyway:
 * `@clickhouse/client`, curl, JDBC, clickhouse-connect (guides clickhouse 7). Each request gets a session of its own, under
 * a role that may read one database; four run at a time, the others wait. A client that goes away ends its query.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StartError } from "../StartError.ts"
import { Engine, type EngineError } from "./Engine.ts"
import * as Locks from "./front/Locks.ts"
import * as Refusal from "./front/Refusal.ts"
import type * as Reply from "./front/Reply.ts"
import * as Request from "./front/Request.ts"
import { serve } from "./front/Serve.ts"
import * as Settings from "./front/Settings.ts"

export class Front extends Context.Service<Front, { readonly url: string }>()("@tributary/embedded/Front") {}

export interface Options {
  /** 0 = any that is free. */
  readonly port: number
}

/** `FORMAT x` at the end of a statement as the parser writes it. */
const formatOf = (canonical: string): string | undefined => / FORMAT (\w+)$/.exec(canonical)?.[1]

/** Runs a request's statement: what `before` sets holds for this session only. */
const run = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  request: Request.Request
): Effect.fn.Return<Omit<Reply.Answered, "queryId">, EngineError> {
  const settings = yield* Settings.assignments(request.settings)
  const database = yield* Request.database(request, engine.database)
  const parameters = yield* Request.parameters(request)
  if (!/^\w+$/.test(request.format)) return yield* Refusal.make(36, `Format ${request.format} is none`)

  const sql = Request.statement(request)
  const canonical = yield* Locks.readOnly(engine, sql, request.parameters)
  const answer = yield* engine.read({
    sql,
    format: request.format,
    before: [
      "SET ROLE reader",
      `USE \`${database}\``,
      `SET ${[...settings, ...parameters].join(", ")}`,
      "SET readonly = 1"
    ]
  })
  return { answer, format: formatOf(canonical) ?? request.format, packing: request.packing }
})

/** Listens until the scope closes; queries that run then are ended. */
export const layer = ({ port }: Options): Layer.Layer<Front, StartError | EngineError, Engine> =>
  Layer.effect(
    Front,
    Effect.gen(function* () {
      const engine = yield* Engine
      const bound = yield* serve({
        port,
        setting: "CLICKHOUSE_HTTP_PORT",
        maxBodyBytes: 1_000_000,
        atOnce: 4,
        drain: 0,
        refuse: () => undefined,
        answer: (request) => run(engine, request)
      })
      return Front.of({ url: `http://127.0.0.1:${bound}` })
    })
  )
