/** A capture server on a free port with a log in memory and a clock that stands still, and a client that adds no headers of its own. */
import * as Http from "node:http"
import * as Settings from "@tributary/pipeline/capture/Settings"
import { Health } from "@tributary/pipeline/service/Health"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { captured, clockAt } from "../../../../pipeline/test/capture/support/captured.ts"
import { CaptureServer, defaults, type ServerSettings } from "../../../src/http/CaptureServer.ts"

export const now = Date.parse("2026-01-02T03:04:05.678Z")

/** The event that most cases send. */
export const A = { api_key: "phc_test", event: "ev", distinct_id: "u1" }

export interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  /** Anything that is neither bytes nor text is sent as JSON, labelled so. */
  readonly body?: unknown
}

export interface Received {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
}

const bytesOf = (body: unknown): Buffer =>
  body === undefined
    ? Buffer.alloc(0)
    : body instanceof Uint8Array
      ? Buffer.from(body)
      : Buffer.from(typeof body === "string" ? body : JSON.stringify(body))

const isJson = (body: unknown): boolean =>
  body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array)

const isChunked = (headers: Record<string, string>): boolean =>
  Object.keys(headers).some((name) => name.toLowerCase() === "transfer-encoding")

/** Sends one request on a connection of its own. */
export const send = (port: number, { body, headers = {}, method = "POST", path }: Sent): Effect.Effect<Received> =>
  Effect.callback((resume) => {
    const bytes = bytesOf(body)
    const request = Http.request(
      {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent: false,
        headers: {
          ...(isJson(body) ? { "content-type": "application/json" } : {}),
          ...(bytes.length > 0 && !isChunked(headers) ? { "content-length": String(bytes.length) } : {}),
          ...headers
        }
      },
      (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("end", () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(chunks).toString("utf8")
            })
          )
        )
      }
    )
    request.on("error", (cause) => resume(Effect.die(cause)))
    request.end(bytes)
  })

/** A running server; it stops with the test's scope. */
export const start = Effect.fnUntraced(function* ({
  capture = {},
  server = {}
}: {
  readonly capture?: Partial<Settings.Settings>
  readonly server?: Partial<ServerSettings>
} = {}) {
  const log = EventLogMemory.make({ partitions: 1 })
  const projects = [ProjectStoreMemory.project({ id: 1, apiToken: "phc_test" })]
  const clock = { now }
  const context = yield* Layer.build(
    CaptureServer.layer(
      { ...defaults, host: "127.0.0.1", port: 0, ...server },
      { ...Settings.defaults, ...capture }
    ).pipe(
      Layer.provideMerge(Layer.mergeAll(EventLogMemory.layer(log), ProjectStoreMemory.layer(projects), Health.layer)),
      Layer.provide(clockAt(() => clock.now)),
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
    )
  )
  const { port } = Context.get(context, CaptureServer)
  return {
    port,
    log,
    projects,
    clock,
    health: Context.get(context, Health),
    send: (sent: Sent) => send(port, sent),
    captured: () => captured(log)
  }
})

/** The JSON object of an answer. */
export const json = ({ text }: Received): Record<string, unknown> => {
  const value: unknown = JSON.parse(text)
  return typeof value === "object" && value !== null ? { ...value } : {}
}

/** Sends one event with these fields over `A`'s, and answers with the status and the message that came of it. */
export const sendOne = Effect.fnUntraced(function* (
  fields: object,
  { headers = {}, path = "/e" }: { readonly path?: string; readonly headers?: Record<string, string> } = {}
) {
  const server = yield* start()
  const reply = yield* server.send({
    path,
    headers: { "content-type": "application/json", ...headers },
    body: { ...A, ...fields }
  })
  const [message] = server.captured()
  return { reply, status: reply.status, message, code: reply.status === 200 ? undefined : json(reply)["code"] }
})
