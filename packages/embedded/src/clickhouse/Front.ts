/**
 * The engine's tables over ClickHouse's HTTP protocol, read-only and on loopback, for clients that people have anyway:
 * `@clickhouse/client`, curl, JDBC, clickhouse-connect (guides clickhouse 7). Each request gets a session of its own, under
 * a role that may read one database; four run at a time, the others wait. A client that goes away ends its query.
 */
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import { StartError } from "../StartError.ts"
import { Engine, type EngineError } from "./Engine.ts"
import * as Locks from "./front/Locks.ts"
import * as Refusal from "./front/Refusal.ts"
import * as Reply from "./front/Reply.ts"
import * as Request from "./front/Request.ts"
import * as Settings from "./front/Settings.ts"
import * as Query from "./Query.ts"

export class Front extends Context.Service<Front, { readonly url: string }>()("@tributary/embedded/Front") {}

export interface Options {
  /** 0 = any that is free. */
  readonly port: number
}

const maxBodyBytes = 1_000_000
const atOnce = 4

/** `FORMAT x` at the end of a statement as the parser writes it. */
const formatOf = (canonical: string): string | undefined => / FORMAT (\w+)$/.exec(canonical)?.[1]

/** Runs a request's statement: what `before` sets holds for this session only. */
const run = Effect.fnUntraced(function* (
  engine: Engine["Service"],
  request: Request.Request
): Effect.fn.Return<Omit<Reply.Answered, "queryId">, EngineError> {
  const settings = yield* Settings.assignments(request.settings)
  const database = request.database ?? engine.database
  if (!/^\w+$/.test(database)) return yield* Refusal.make(81, `Database ${database} does not exist`)
  if (!/^\w+$/.test(request.format)) return yield* Refusal.make(36, `Format ${request.format} is none`)
  const odd = [...request.parameters.keys()].find((name) => !/^\w+$/.test(name))
  if (odd !== undefined) return yield* Refusal.make(36, `Parameter ${odd} is none`)

  const sql = Request.statement(request)
  const canonical = yield* Locks.readOnly(engine, sql, request.parameters)
  // Values come escaped already, so they are literals as they are.
  const parameters = [...request.parameters].map(([name, value]) => `param_${name} = ${Query.literal(value)}`)
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

/** The body; undefined if it is longer than it may be. */
const readBody = (incoming: IncomingMessage): Promise<Uint8Array | undefined> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Buffer> = []
    let length = 0
    incoming.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length <= maxBodyBytes) chunks.push(chunk)
      else resolve(undefined)
    })
    incoming.on("end", () => resolve(Buffer.concat(chunks)))
    incoming.on("error", reject)
  })

const handle = Effect.fnUntraced(
  function* (
    engine: Engine["Service"],
    server: Reply.Server,
    turns: Semaphore.Semaphore,
    incoming: IncomingMessage
  ): Effect.fn.Return<Reply.Reply, Request.BadRequest> {
    const queryId = randomUUID()
    const stranger = Locks.foreign(incoming.headers)
    if (stranger !== undefined) return Reply.failure(server, Refusal.make(497, `Not served: ${stranger}`), queryId)
    const url = URL.parse(incoming.url ?? "/", "http://localhost")
    if (url === null || (url.pathname !== "/" && url.pathname !== "/ping")) {
      return Reply.text(404, "There is no such page; queries go to /\n")
    }
    if (!["GET", "POST", "HEAD"].includes(incoming.method ?? ""))
      return Reply.text(405, "GET and POST are answered here\n")
    if (url.pathname === "/ping") return Reply.text(200, "Ok.\n")

    const body = yield* Effect.promise(() => readBody(incoming))
    if (body === undefined) {
      const reply = Reply.text(413, `The body is larger than ${maxBodyBytes} bytes\n`)
      return { ...reply, headers: { ...reply.headers, connection: "close" } }
    }
    const request = yield* Effect.tryPromise({
      try: () => Request.read({ url, headers: incoming.headers, body, maxBytes: maxBodyBytes }),
      catch: (error) =>
        error instanceof Request.BadRequest ? error : new Request.BadRequest({ status: 400, message: "" })
    })
    if (request.query === "" && request.body.length === 0 && incoming.method !== "POST") return Reply.text(200, "Ok.\n")
    const id = request.queryId ?? queryId
    return yield* turns.withPermit(run(engine, request)).pipe(
      Effect.flatMap((answered) => Effect.promise(() => Reply.answer(server, { ...answered, queryId: id }))),
      Effect.catch((error) => Effect.succeed(Reply.failure(server, error, id)))
    )
  },
  Effect.catchTag("BadRequest", ({ status, message }) => Effect.succeed(Reply.text(status, `${message}\n`)))
)

const make = Effect.fnUntraced(function* ({ port }: Options) {
  const engine = yield* Engine
  const [introduction] = yield* Query.rows(engine, "SELECT version() AS version, timezone() AS timezone")
  const server: Reply.Server = {
    version: String(introduction?.["version"]),
    timezone: String(introduction?.["timezone"])
  }
  const turns = yield* Semaphore.make(atOnce)
  const fork = yield* FiberSet.makeRuntime<never>()

  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const fiber = fork(handle(engine, server, turns, incoming))
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) fork(Fiber.interrupt(fiber))
    })
    fiber.addObserver((exit) => {
      if (outgoing.destroyed) return
      const reply = exit._tag === "Success" ? exit.value : Reply.text(500, "The request failed\n")
      outgoing.writeHead(reply.status, { ...reply.headers, "content-length": reply.body.length })
      outgoing.end(incoming.method === "HEAD" ? undefined : reply.body)
    })
  }
  const http = yield* Effect.acquireRelease(
    Effect.callback<Server, StartError>((resume) => {
      const http = createServer({ keepAliveTimeout: 10_000 }, listener)
      http.once("error", (error: NodeJS.ErrnoException) => {
        const why = error.code === "EADDRINUSE" ? "is in use" : `cannot be listened on (${error.code})`
        resume(Effect.fail(new StartError({ message: `CLICKHOUSE_HTTP_PORT: port ${port} of 127.0.0.1 ${why}` })))
      })
      http.listen(port, "127.0.0.1", () => resume(Effect.succeed(http)))
    }),
    (http) =>
      Effect.callback<void>((resume) => {
        http.close(() => resume(Effect.void))
        http.closeAllConnections()
      })
  )
  const address = http.address()
  return Front.of({ url: `http://127.0.0.1:${typeof address === "object" ? address?.port : port}` })
})

/** Listens until the scope closes; queries that run then are ended. */
export const layer = (options: Options): Layer.Layer<Front, StartError | EngineError, Engine> =>
  Layer.effect(Front, make(options))
