import { assert, describe, it } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Door, type DoorSettings } from "../../src/http/Door.ts"
import { json, send } from "./support/server.ts"

const settings = { host: "127.0.0.1", port: 0, headerReadTimeoutMs: undefined, drainMs: 1000 }

const doorWith = (changes: Partial<DoorSettings> = {}) =>
  Effect.map(Layer.build(Layer.provideMerge(Door.layer({ ...settings, ...changes }), Health.layer)), (context) => ({
    ...Context.get(context, Door),
    health: Context.get(context, Health)
  }))

describe("Door", () => {
  it.live("says that the program is starting until it is opened, in the words of capture", () =>
    Effect.gen(function* () {
      const { health, open, port } = yield* doorWith()
      const events = { path: "/batch", headers: { origin: "https://shop.test" }, body: { api_key: "k", batch: [{}] } }
      const early = yield* send(port, events)
      assert.strictEqual(early.status, 503)
      assert.strictEqual(json(early)["code"], "service_unavailable")
      assert.strictEqual(early.headers["retry-after"], "1")
      assert.strictEqual(early.headers["access-control-allow-origin"], "https://shop.test")
      assert.strictEqual((yield* send(port, { method: "OPTIONS", path: "/batch" })).status, 200)
      assert.strictEqual((yield* send(port, { method: "GET", path: "/_liveness" })).status, 200)
      const readiness = yield* send(port, { method: "GET", path: "/_readiness" })
      assert.strictEqual(readiness.status, 503)
      assert.deepStrictEqual(json(readiness)["reasons"], [{ reason: "starting" }])
      yield* health.down("PostgreSQL", "connection refused")
      assert.include((yield* send(port, { method: "GET", path: "/_readiness" })).text, "connection refused")
      yield* open((_, response) => void response.end("open"))
      assert.strictEqual((yield* send(port, events)).text, "open")
    })
  )

  it.live("a used port shows before anybody opens anything", () =>
    Effect.gen(function* () {
      const { port } = yield* doorWith()
      const error = yield* Effect.flip(doorWith({ port }))
      assert.strictEqual(
        error.message,
        `PORT=${port}: another program listens there, on 127.0.0.1. It may be any free port.`
      )
    })
  )

  it.live("tells clients that idle connections outlive those of a load balancer", () =>
    Effect.gen(function* () {
      const { open, port } = yield* doorWith()
      yield* open((_, response) => void response.end("open"))
      const headers = { connection: "keep-alive" }
      assert.strictEqual((yield* send(port, { method: "GET", path: "/", headers })).headers["keep-alive"], "timeout=75")
    })
  )

  it.live("the port is free once whoever opened it is gone", () =>
    Effect.gen(function* () {
      const { open, port } = yield* doorWith()
      const scope = yield* Scope.make()
      yield* Scope.provide(
        open((_, response) => void response.end("open")),
        scope
      )
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* doorWith({ port })).port, port)
    })
  )
})
