import { assert, describe, it } from "@effect/vitest"
import * as Settings from "@tributary/pipeline/capture/Settings"
import { Health } from "@tributary/pipeline/service/Health"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import * as CaptureServer from "@tributary/runtime-node/http/CaptureServer"
import { HealthServer } from "@tributary/runtime-node/http/HealthServer"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Capture from "../src/Capture.ts"

const event = JSON.stringify({ api_key: "phc_test", event: "ev", distinct_id: "u1" })

const post = (port: number) =>
  Effect.promise(() =>
    fetch(`http://127.0.0.1:${port}/e`, { method: "POST", body: event }).then(({ status }) => status)
  )

const readiness = (port: number) =>
  Effect.promise(() =>
    fetch(`http://127.0.0.1:${port}/_readiness`).then(async (reply) => [reply.status, await reply.text()] as const)
  )

describe("Capture", () => {
  it.live("spec capture 9.1 #20: while it drains, its health port says that it is not ready", () =>
    Effect.gen(function* () {
      const log = EventLogMemory.make()
      const projects = ProjectStoreMemory.layer([ProjectStoreMemory.project({ id: 1, apiToken: "phc_test" })])
      const services = Layer.merge(EventLogMemory.layer(log), projects)
      // Port 0 would tell nobody where health is served: a free one is found first.
      const healthPort = yield* Effect.scoped(
        Effect.map(
          Layer.build(Layer.provide(HealthServer.layer({ host: "127.0.0.1", port: 0 }), Health.layer)),
          (context) => Context.get(context, HealthServer).port
        )
      )
      const opened = yield* Deferred.make<number>()
      const served = Capture.serve(
        { server: { ...CaptureServer.defaults, host: "127.0.0.1", port: 0 }, capture: Settings.defaults },
        services,
        ({ port }) => Effect.asVoid(Deferred.succeed(opened, port))
      )
      const running = yield* Effect.forkChild(
        served.pipe(
          Effect.scoped,
          Effect.provide(
            HealthServer.layer({ host: "127.0.0.1", port: healthPort }).pipe(
              Layer.provideMerge(Layer.merge(Health.layer, Layer.succeed(References.MinimumLogLevel, "None")))
            )
          )
        )
      )
      const port = yield* Deferred.await(opened)
      assert.strictEqual(yield* post(port), 200)
      assert.strictEqual((yield* readiness(healthPort))[0], 200)

      const arrived = yield* Deferred.make<void>()
      const released = yield* Deferred.make<void>()
      log.faults.send = Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(released))
      const waiting = yield* Effect.forkChild(post(port))
      yield* Deferred.await(arrived)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
      const [status, text] = yield* readiness(healthPort).pipe(Effect.repeat({ until: ([code]) => code !== 200 }))
      assert.strictEqual(status, 503)
      assert.include(text, "it is stopping")
      yield* Deferred.succeed(released, undefined)
      assert.strictEqual(yield* Fiber.join(waiting), 200)
      yield* Fiber.join(stopping)
      assert.strictEqual(log.records(Settings.defaults.topics.main).length, 2)
    })
  )
})
