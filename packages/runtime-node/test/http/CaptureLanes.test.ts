/** Spec capture 9.6, as far as no policy has a say: lanes by name, flag and age. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { A, now, start } from "./support/server.ts"

describe("lanes (spec capture 9.6)", () => {
  const topicsOf = (server: { readonly captured: () => ReadonlyArray<{ readonly topic: string }> }) =>
    server.captured().map(({ topic }) => topic)

  it.live("102, 103, 106: names have no lane of their own by default", () =>
    Effect.gen(function* () {
      const server = yield* start()
      for (const event of ["$exception", "$$heatmap", "$$client_ingestion_warning"]) {
        yield* server.send({ path: "/e", body: { ...A, event } })
      }
      assert.deepStrictEqual(new Set(topicsOf(server)), new Set(["events_plugin_ingestion"]))
      assert.strictEqual(server.captured().length, 3)
    })
  )

  it.live("107, 108: a historical batch goes to its lane with key and flags", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const batch = [A, { ...A, event: "$exception" }]
      yield* server.send({ path: "/batch", body: { api_key: "phc_test", historical_migration: true, batch } })
      for (const message of server.captured()) {
        assert.strictEqual(message.topic, "events_plugin_ingestion_historical")
        assert.strictEqual(message.key, "phc_test:u1")
        assert.strictEqual(message.value["historical_migration"], true)
        assert.strictEqual(message.header("historical_migration"), "true")
      }
      assert.strictEqual(server.captured().length, 2)
    })
  )

  it.live("109, 110: old events go to the historical lane only where that is switched on", () =>
    Effect.gen(function* () {
      const on = yield* start({ capture: { historicalAfterDays: 1 } })
      const off = yield* start()
      for (const hours of [25, 23]) {
        const body = { ...A, timestamp: new Date(now - hours * 3_600_000).toISOString() }
        yield* on.send({ path: "/e", body })
        yield* off.send({ path: "/e", body })
      }
      assert.deepStrictEqual(
        on.captured().map(({ topic, value }) => [topic, value["historical_migration"]]),
        [
          ["events_plugin_ingestion_historical", true],
          ["events_plugin_ingestion", undefined]
        ]
      )
      assert.deepStrictEqual(new Set(topicsOf(off)), new Set(["events_plugin_ingestion"]))
    })
  )
})
