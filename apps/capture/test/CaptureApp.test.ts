import { assert, describe, it } from "@effect/vitest"
import * as Settings from "@tributary/pipeline/capture/Settings"
import { Health } from "@tributary/pipeline/service/Health"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import * as CaptureServer from "@tributary/runtime-node/http/CaptureServer"
import { Door } from "@tributary/runtime-node/http/Door"
import { HealthServer } from "@tributary/runtime-node/http/HealthServer"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as CaptureApp from "../src/CaptureApp.ts"

const event = JSON.stringify({ api_key: "phc_test", event: "ev", distinct_id: "u1" })

const post = (port: number) =>
  Effect.promise(() =>
    fetch(`http://127.0.0.1:${port}/e`, { method: "POST", body: event }).then(({ status }) => status)
  )

const readiness = (port: number) =>
  Effect.promise(() =>
    fetch(`http://127.0.0.1:${port}/_readiness`).then(async (reply) => [reply.status, await reply.text()] as const)
  )

describe("CaptureApp", () => {
  it.live("spec capture 9.1 #20: while it drains, its health port says that it is not ready", () =>
    Effect.gen(function* () {
      const log = EventLogMemory.make()
      const projects = ProjectStoreMemory.layer([ProjectStoreMemory.project({ id: 1, apiToken: "phc_test" })])
      const services = Layer.mergeAll(EventLogMemory.layer(log), projects, Health.layer)
      // Port 0 would tell nobody where health is served: a free one is found first.
      const healthPort = yield* Effect.scoped(
        Effect.map(
          Layer.build(Layer.provide(HealthServer.layer({ host: "127.0.0.1", port: 0 }), Health.layer)),
          (context) => Context.get(context, HealthServer).port
        )
      )
      const scope = yield* Scope.make()
      const server = { ...CaptureServer.defaults, host: "127.0.0.1", port: 0 }
      const app = CaptureApp.layer({
        server,
        capture: Settings.defaults,
        health: { host: "127.0.0.1", port: healthPort }
      })
      const context = yield* Layer.buildWithScope(
        app.pipe(
          Layer.provide(Door.layer(server)),
          Layer.provide(services),
          Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
        ),
        scope
      )
      const { port } = Context.get(context, CaptureServer.CaptureServer)
      assert.strictEqual(yield* post(port), 200)
      assert.strictEqual((yield* readiness(healthPort))[0], 200)

      const arrived = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      log.faults.send = Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(released))
      const waiting = yield* Effect.forkChild(post(port))
      yield* Deferred.await(arrived)
      const stopping = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      const [status, text] = yield* readiness(healthPort)
      assert.strictEqual(status, 503)
      assert.include(text, "it is stopping")
      yield* Deferred.succeed(released, undefined)
      assert.strictEqual(yield* Fiber.join(waiting), 200)
      yield* Fiber.join(stopping)
      assert.strictEqual(log.records(Settings.defaults.topics.main).length, 2)
    })
  )
})
