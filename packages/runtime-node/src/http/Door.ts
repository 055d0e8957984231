/**
 * The port at which events come in. It is bound before anything slow is started, so that a used port shows at once; until
 * somebody opens it, it answers that the program is starting (guides infrastructure, "The layer").
 */
import { createServer, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import * as Reply from "@tributary/pipeline/capture/Reply"
import { Health } from "@tributary/pipeline/service/Health"
import { InHand } from "@tributary/pipeline/service/InHand"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Answer, write, writePreflight } from "./Answer.ts"
import { type ListenError, listenError } from "./ListenError.ts"
import * as Readiness from "./Readiness.ts"
import { pathOf } from "./Routes.ts"

export interface DoorSettings {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
  /** Connections whose headers take longer are closed; undefined = Node's minute. */
  readonly headerReadTimeoutMs: number | undefined
  /** How long running requests may take when the door closes; then their connections are cut. */
  readonly drainMs: number
}

/** Old browsers send events in the URL. */
const maxHeaderBytes = 64 * 1024

/**
 * For which an idle connection stays open. Load balancers keep theirs for a minute, and answer 502 where they send a request into one
 * that is just being closed.
 */
const keepAliveMs = 75_000

const bind = ({ headerReadTimeoutMs, host, port }: DoorSettings) =>
  Effect.callback<Server, ListenError>((resume) => {
    const server = createServer({
      maxHeaderSize: maxHeaderBytes,
      keepAliveTimeout: keepAliveMs,
      ...(headerReadTimeoutMs === undefined
        ? {}
        : {
            headersTimeout: headerReadTimeoutMs,
            connectionsCheckingInterval: Math.max(10, Math.min(30_000, Math.ceil(headerReadTimeoutMs / 4)))
          })
    })
    const onError = (cause: Error): void => resume(Effect.fail(listenError("PORT", { host, port }, cause)))
    server.once("error", onError)
    server.listen(port, host, () => {
      server.off("error", onError)
      resume(Effect.succeed(server))
    })
  })

const isStarting: Answer = Reply.refuse(
  new Reply.Refusal("service_unavailable", "The server is starting. Try again in a moment.")
)

/** Answers while nobody has opened the door. A process that starts is alive, however long it takes. */
const answerStarting =
  (health: Health["Service"]): RequestListener =>
  (request, response) => {
    // The body is not read, so no second request can follow it.
    response.shouldKeepAlive = false
    const path = pathOf(request.url ?? "/")
    if (request.method === "OPTIONS") writePreflight(request, response)
    else if (path === "/_liveness") write(request, response, Effect.runSync(Readiness.liveness(health)))
    else if (path === "/_readiness") write(request, response, Effect.runSync(Readiness.starting(health)))
    else write(request, response, isStarting)
  }

/** Stops accepting and waits for running requests, at most so long; then `cut` is called, and their connections are. */
const close = (server: Server, withinMs: number, cut: () => void = () => {}): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (!server.listening) return resume(Effect.void)
    const timer = setTimeout(() => {
      cut()
      server.closeAllConnections()
    }, withinMs)
    server.close(() => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    server.closeIdleConnections()
  })

export class Door extends Context.Service<
  Door,
  {
    readonly host: string
    readonly port: number
    /**
     * From now on requests go to this listener. When the scope closes, nothing more is accepted, running requests get the time that they
     * may take, and the port is free. Those that it was too short for count as left in hand. A door opens once.
     */
    readonly open: (listener: RequestListener) => Effect.Effect<void, never, Scope.Scope>
  }
>()("@tributary/runtime-node/Door") {
  static readonly layer = (settings: DoorSettings): Layer.Layer<Door, ListenError, Health> =>
    Layer.effect(
      Door,
      Effect.gen(function* () {
        const server = yield* Effect.acquireRelease(bind(settings), (server) => close(server, 0))
        const { add } = yield* InHand
        const first = answerStarting(yield* Health)
        server.on("request", first)
        const { address, port } = server.address() as AddressInfo
        return Door.of({
          host: address,
          port,
          open: (listener) => {
            let running = 0
            const counted: RequestListener = (request, response) => {
              running++
              response.once("close", () => {
                running--
              })
              listener(request, response)
            }
            return Effect.acquireRelease(
              Effect.sync(() => void server.off("request", first).on("request", counted)),
              () => close(server, settings.drainMs, () => add("request", running))
            )
          }
        })
      })
    )
}
