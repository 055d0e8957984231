/**
 * Capture over HTTP: a plain `node:http` listener in a scoped layer, a fiber a request.
 *
 * It reads bodies within their limits, answers with the headers of CORS whatever happens, and leaves what the events mean to
 * `Capture`. When its scope closes it stops accepting, is not ready any more, and lets running requests finish.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import * as Capture from "@tributary/pipeline/capture/Capture"
import * as Reply from "@tributary/pipeline/capture/Reply"
import type { Settings } from "@tributary/pipeline/capture/Settings"
import { Health } from "@tributary/pipeline/service/Health"
import type { Producer } from "@tributary/pipeline/service/Producer"
import type { ProjectStore } from "@tributary/pipeline/service/ProjectStore"
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Answer, notFound, write, writePreflight } from "./Answer.ts"
import { type BodyLimits, readBody } from "./Body.ts"
import { clientAddress, type TrustedProxies, trustPrivate } from "./ClientAddress.ts"
import { Door, type DoorSettings } from "./Door.ts"
import * as Gate from "./Gate.ts"
import * as HttpMetrics from "./HttpMetrics.ts"
import * as Readiness from "./Readiness.ts"
import { allowOf, allows, pathOf, queryOf, type Route, routeOf, type StatusPath } from "./Routes.ts"

export interface ServerSettings extends DoorSettings {
  /** Most bytes of a body as it is sent (`MAX_BODY`). */
  readonly maxBodyBytes: number
  readonly trustedProxies: TrustedProxies
  /** Requests that are worked on at a time; undefined = any number. */
  readonly concurrencyLimit: number | undefined
  /** A body that pauses for longer is answered with 408; undefined = it may pause, within Node's five minutes for a request. */
  readonly bodyChunkReadTimeoutMs: number | undefined
  /** True where there is no `HEALTH_PORT` beside it: `/metrics` is served here, too. */
  readonly servesMetrics: boolean
  /** Serves `/` and every path that is not capture's; without it they get `capture` and 404. */
  readonly fallback?: (request: IncomingMessage, response: ServerResponse) => void
}

export const defaults: ServerSettings = {
  host: "0.0.0.0",
  port: 8000,
  maxBodyBytes: 20 * 1024 * 1024,
  trustedProxies: trustPrivate,
  concurrencyLimit: undefined,
  headerReadTimeoutMs: undefined,
  bodyChunkReadTimeoutMs: undefined,
  drainMs: 30_000,
  servesMetrics: false
}

const failed: Answer = Reply.refuse(new Reply.Refusal("internal_error", "The server failed on this request."))
const root: Answer = { status: 200, body: "capture", contentType: "text/plain" }

const start = Effect.fnUntraced(function* (
  settings: ServerSettings,
  captureSettings: Settings
): Effect.fn.Return<Door["Service"], never, Door | Producer | ProjectStore | Health | Scope.Scope> {
  const door = yield* Door
  const capture = yield* Capture.make(captureSettings)
  const health = yield* Health
  const metrics = yield* HttpMetrics.make
  // Nobody supervises these fibers: the drain waits for each one's answer, and what hangs ends with the producer's layer.
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const gate = Gate.make(settings.concurrencyLimit)
  const limits: BodyLimits = { maxBytes: settings.maxBodyBytes, stalledAfterMs: settings.bodyChunkReadTimeoutMs }
  const { liveness, metrics: exposition, readiness } = Readiness.status(health)
  const status: Readonly<Record<StatusPath, Effect.Effect<Answer>>> = {
    "/_liveness": liveness,
    "/_readiness": readiness,
    "/metrics": exposition
  }
  let isStopping = false

  const tooLarge: Answer = Reply.refuse(
    new Reply.Refusal("oversize_event", `The body is larger than ${settings.maxBodyBytes} bytes; that is the limit.`)
  )
  const stalled: Answer = Reply.refuse(
    new Reply.Refusal("body_read_timeout", `The body paused for ${settings.bodyChunkReadTimeoutMs} ms.`)
  )

  const answer = (
    request: IncomingMessage,
    response: ServerResponse,
    { pattern, startedAt }: { readonly pattern: string; readonly startedAt: number },
    reply: Answer
  ): void => {
    if (isStopping) response.shouldKeepAlive = false
    write(request, response, reply)
    metrics.record(request.method ?? "", pattern, reply.status, performance.now() - startedAt)
  }

  /** A bug, or a drain that took too long. */
  const failure = (cause: Cause.Cause<never>): Answer => {
    run(Effect.logError("A request could not be answered", cause))
    return failed
  }

  /** Reads the body, then answers with what `effectOf` makes of it. */
  const serve = (
    request: IncomingMessage,
    response: ServerResponse,
    at: { readonly pattern: string; readonly startedAt: number },
    effectOf: (body: Buffer) => Effect.Effect<Answer>
  ): void =>
    gate.enter(() =>
      readBody(request, limits, (body) => {
        if (body instanceof Buffer) {
          run(effectOf(body)).addObserver((exit) => {
            gate.leave()
            answer(request, response, at, exit._tag === "Success" ? exit.value : failure(exit.cause))
          })
          return
        }
        gate.leave()
        if (body === "too large") answer(request, response, at, tooLarge)
        else if (body === "stalled") {
          response.shouldKeepAlive = false
          answer(request, response, at, stalled)
        }
      })
    )

  const handle = (
    request: IncomingMessage,
    response: ServerResponse,
    route: Route,
    path: string,
    query: string
  ): void => {
    const at = { pattern: route.pattern, startedAt: performance.now() }
    switch (route._tag) {
      case "Status":
        run(status[route.pattern]).addObserver((exit) =>
          answer(request, response, at, exit._tag === "Success" ? exit.value : failure(exit.cause))
        )
        return
      case "Fixed":
        serve(request, response, at, () => Effect.sync(route.answer))
        return
      case "Events": {
        const { headers, socket } = request
        serve(request, response, at, (body) =>
          capture({
            path,
            query,
            contentType: headers["content-type"],
            contentEncoding: headers["content-encoding"],
            ip: clientAddress(socket.remoteAddress, headers, settings.trustedProxies),
            body
          })
        )
      }
    }
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const method = request.method ?? ""
    const target = request.url ?? "/"
    const path = pathOf(target)
    const found = routeOf(path)
    const route = found?.pattern === "/metrics" && !settings.servesMetrics ? undefined : found
    if (route === undefined && settings.fallback !== undefined) settings.fallback(request, response)
    else if (method === "OPTIONS") writePreflight(request, response)
    else if (route === undefined) {
      const at = { pattern: "other", startedAt: performance.now() }
      answer(request, response, at, path === "/" && (method === "GET" || method === "HEAD") ? root : notFound)
    } else if (!allows(route, method)) {
      const at = { pattern: route.pattern, startedAt: performance.now() }
      answer(request, response, at, { status: 405, body: "", allow: allowOf(route) })
    } else handle(request, response, route, path, queryOf(target))
  }

  yield* door.open(listener)
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isStopping = true
      return health.stopping
    })
  )
  return door
})

/** Where capture listens. */
export class CaptureServer extends Context.Service<CaptureServer, { readonly host: string; readonly port: number }>()(
  "@tributary/runtime-node/CaptureServer"
) {
  /** Opens the door as soon as everything that it needs stands. */
  static readonly layerBehindDoor = (settings: ServerSettings, captureSettings: Settings) =>
    Layer.effect(
      CaptureServer,
      Effect.map(start(settings, captureSettings), ({ host, port }) => CaptureServer.of({ host, port }))
    )

  /** With a door of its own. */
  static readonly layer = (settings: ServerSettings, captureSettings: Settings) =>
    Layer.provide(CaptureServer.layerBehindDoor(settings, captureSettings), Door.layer(settings))
}
