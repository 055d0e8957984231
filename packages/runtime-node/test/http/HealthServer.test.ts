import { assert, describe, it } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import { HealthServer } from "../../src/http/HealthServer.ts"
import { A, json, send, start } from "./support/server.ts"

const get = (port: number, path: string) => send(port, { method: "GET", path })

const startHealth = Effect.map(
  Layer.build(
    HealthServer.layer({ host: "127.0.0.1", port: 0 }).pipe(
      Layer.provideMerge(Health.layer),
      Layer.provideMerge(Layer.succeed(References.MinimumLogLevel, "None"))
    )
  ),
  (context) => ({ health: Context.get(context, Health), port: Context.get(context, HealthServer).port })
)

describe("HealthServer", () => {
  it.live("tells of engines that are away, and goes on living", () =>
    Effect.gen(function* () {
      const { health, port } = yield* startHealth
      assert.strictEqual((yield* get(port, "/_readiness")).status, 200)
      yield* health.down("PostgreSQL", "connection refused")
      const reply = yield* get(port, "/_readiness")
      assert.strictEqual(reply.status, 503)
      assert.include(reply.text, '"engine":"PostgreSQL","reason":"connection refused"')
      assert.strictEqual((yield* get(port, "/_liveness")).status, 200)
      assert.strictEqual((yield* get(port, "/nope")).status, 404)
      yield* health.up("PostgreSQL")
      assert.strictEqual(json(yield* get(port, "/_readiness"))["status"], "ready")
    })
  )

  it.live("spec capture 9.1 #21: shows how many events were taken, and why others were not", () =>
    Effect.gen(function* () {
      const { port } = yield* startHealth
      const server = yield* start()
      yield* server.send({ path: "/batch", body: { api_key: "phc_test", batch: [A, A] } })
      yield* server.send({ path: "/e/", body: { ...A, api_key: "phx_a" } })
      const { headers, text } = yield* get(port, "/metrics")
      assert.match(headers["content-type"] ?? "", /^text\/plain/)
      const value = (series: string): number =>
        Number(
          text
            .split("\n")
            .find((line) => line.startsWith(`${series} `))
            ?.split(" ")[1]
        )
      assert.isAtLeast(value("capture_events_received_total"), 3)
      assert.isAtLeast(value("capture_events_ingested_total"), 2)
      assert.isAtLeast(value('capture_events_dropped_total{cause="invalid_token"}'), 1)
      assert.isAtLeast(value('http_requests_total{method="POST",path="/batch",status="200"}'), 1)
      assert.isAtLeast(value('http_requests_total{method="POST",path="/e",status="401"}'), 1)
    })
  )

  it.live("a port that is taken fails the start with one line", () =>
    Effect.gen(function* () {
      const { port } = yield* startHealth
      const layer = Layer.provide(HealthServer.layer({ host: "127.0.0.1", port }), Health.layer)
      const error = yield* Effect.flip(Layer.build(layer))
      assert.strictEqual(
        error.message,
        `HEALTH_PORT=${port}: another program listens there, on 127.0.0.1. It may be any free port.`
      )
    })
  )
})
