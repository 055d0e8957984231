/**
 * ClickHouse's HTTP protocol on a loopback port, for whoever answers statements: the read-only front and the one that
 * writes (guides clickhouse 7, 8). So many requests run at a time as the options say, the others wait; a client that goes
 * away ends its own.
 */
import { randomUUID } from "node:crypto"
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse
} from "node:http"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { StartError } from "../../StartError.ts"
import { Engine, type EngineError } from "../Engine.ts"
import * as Query from "../Query.ts"
import * as Locks from "./Locks.ts"
import * as Refusal from "./Refusal.ts"
import * as Reply from "./Reply.ts"
import * as Request from "./Request.ts"

export interface Options {
  /** 0 = any that is free. */
  readonly port: number
  /** The setting that names the port, for the line that says that it cannot be had. */
  readonly setting: string
  /** Of a body, packed and unpacked. */
  readonly maxBodyBytes: number
  /** Requests that run at a time. */
  readonly atOnce: number
  /** How long running requests are waited for when the scope closes. */
  readonly drain: Duration.Input
  /** Why a request is not admitted, before its body is read; undefined if it is. */
  readonly refuse: (headers: IncomingHttpHeaders, url: URL) => EngineError | undefined
  readonly answer: (request: Request.Request) => Effect.Effect<Omit<Reply.Answered, "queryId">, EngineError>
}

/** The body; undefined if it is longer than it may be. */
const readBody = (incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Buffer> = []
    let length = 0
    incoming.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length <= maxBytes) chunks.push(chunk)
      else {
        chunks.length = 0
        resolve(undefined)
      }
    })
    incoming.on("end", () => resolve(Buffer.concat(chunks)))
    incoming.on("error", reject)
  })

const handle = Effect.fnUntraced(
  function* (
    options: Options,
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
    const refused = options.refuse(incoming.headers, url)
    if (refused !== undefined) return Reply.failure(server, refused, queryId)

    const { maxBodyBytes: maxBytes } = options
    const body = yield* Effect.promise(() => readBody(incoming, maxBytes))
    if (body === undefined) {
      const reply = Reply.text(413, `The body is larger than ${maxBytes} bytes\n`)
      return { ...reply, headers: { ...reply.headers, connection: "close" } }
    }
    const request = yield* Effect.tryPromise({
      try: () => Request.read({ url, headers: incoming.headers, body, maxBytes }),
      catch: (error) =>
        error instanceof Request.BadRequest ? error : new Request.BadRequest({ status: 400, message: "" })
    })
    if (request.query === "" && request.body.length === 0 && incoming.method !== "POST") return Reply.text(200, "Ok.\n")
    const id = request.queryId ?? queryId
    return yield* turns.withPermit(options.answer(request)).pipe(
      Effect.flatMap((answered) => Effect.promise(() => Reply.answer(server, { ...answered, queryId: id }))),
      Effect.catch((error) => Effect.succeed(Reply.failure(server, error, id)))
    )
  },
  Effect.catchTag("BadRequest", ({ status, message }) => Effect.succeed(Reply.text(status, `${message}\n`)))
)

/** Listens until the scope closes; answers the port. */
export const serve = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<number, StartError | EngineError, Engine | Scope.Scope> {
  const { drain, port, setting } = options
  const [introduction] = yield* Query.rows(yield* Engine, "SELECT version() AS version, timezone() AS timezone")
  const server: Reply.Server = {
    version: String(introduction?.["version"]),
    timezone: String(introduction?.["timezone"])
  }
  const turns = yield* Semaphore.make(options.atOnce)
  const fork = yield* FiberSet.makeRuntime<never>()

  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const fiber = fork(handle(options, server, turns, incoming))
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
        resume(Effect.fail(new StartError({ message: `${setting}: port ${port} of 127.0.0.1 ${why}` })))
      })
      http.listen(port, "127.0.0.1", () => resume(Effect.succeed(http)))
    }),
    (http) =>
      Effect.callback<void>((resume) => {
        http.close(() => resume(Effect.void))
        http.closeIdleConnections()
      }).pipe(Effect.timeoutOption(drain), Effect.andThen(Effect.sync(() => http.closeAllConnections())))
  )
  const address = http.address()
  return typeof address === "object" && address !== null ? address.port : port
})
