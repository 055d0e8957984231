/** Health and metrics of a program on a port of their own (`HEALTH_PORT`): `/_liveness`, `/_readiness`, `/metrics`. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Health } from "@tributary/pipeline/service/Health"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type { Answer } from "./Answer.ts"
import { listenError } from "./ListenError.ts"
import { type Status, status } from "./Readiness.ts"

const respond = ({ body, contentType = "application/json", status }: Answer) =>
  HttpServerResponse.text(body, { status, contentType })

const routes = ({ liveness, metrics, readiness }: Status) =>
  Layer.mergeAll(
    HttpRouter.add("GET", "/_liveness", Effect.map(liveness, respond)),
    HttpRouter.add("GET", "/_readiness", Effect.map(readiness, respond)),
    HttpRouter.add("GET", "/metrics", Effect.map(metrics, respond))
  )

export interface Settings {
  readonly host: string
  /** 0 = any free port. */
  readonly port: number
}

/** Where the program's health is told. To be built before whatever it tells of, so that it answers while that is drained. */
export class HealthServer extends Context.Service<HealthServer, { readonly port: number }>()(
  "@tributary/runtime-node/HealthServer"
) {
  static readonly layer = (settings: Settings) =>
    Layer.unwrap(Effect.map(Health, (health) => HealthServer.layerOf(settings, status(health))))

  /** Tells what somebody else knows. */
  static readonly layerOf = ({ host, port }: Settings, status: Status) =>
    Layer.effect(
      HealthServer,
      Effect.map(HttpServer.HttpServer, ({ address }) =>
        HealthServer.of({ port: address._tag === "UnixPathAddress" ? 0 : address.port })
      )
    ).pipe(
      Layer.provide(HttpRouter.serve(routes(status), { disableLogger: true, disableListenLog: true })),
      Layer.provide(Layer.succeed(HttpMiddleware.TracerDisabledWhen, () => true)),
      Layer.provide(NodeHttpServer.layer(() => createServer(), { host, port, gracefulShutdownTimeout: "1 second" })),
      Layer.catch((error) =>
        Layer.effect(HealthServer, Effect.fail(listenError("HEALTH_PORT", { host, port }, error.cause)))
      )
    )
}
