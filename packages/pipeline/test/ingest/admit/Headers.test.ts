/** What headers decide: cases of spec worker 8.1, through the whole of ingestion. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as World from "../../support/IngestWorld.ts"
import { E, I, minutes, T0 } from "../../support/Message.ts"
import { assertNothing, assertPersonlessIdentify, names, types } from "../../support/Said.ts"

const { aProject } = World

describe("headers", () => {
  it.effect("A08, A09: a distinct id of 401 units is dropped with a warning, one of 400 is stored", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(E("d".repeat(401)), E("d".repeat(400)))
      assert.deepStrictEqual(ran.outcomes, ["dropped distinct_id_too_long 1", "stored 1"])
      assert.deepStrictEqual(names(ran), [`custom ${"d".repeat(400)}`])
      assert.deepStrictEqual(types(ran), ["skipping_event_invalid_distinct_id"])
      const { distinctId, distinctIdLength, maxLength } = ran.warnings[0]?.details ?? {}
      assert.deepStrictEqual([distinctId, distinctIdLength, maxLength], ["d".repeat(100), 401, 400])
    })
  )

  it.effect(
    "A10, A11, A13: without a token, or with one of no project, a message is dropped and counted, and nothing else",
    () =>
      Effect.gen(function* () {
        const world = yield* World.make()
        const ran = yield* world.run(
          E("u", {}, { headers: { token: undefined } }),
          E("u", {}, { headers: { token: null } }),
          E("u", {}, { headers: { token: "" } }),
          E("u", {}, { token: "phc_nobody" }),
          E("u", {}, { token: "1" })
        )
        assertNothing(ran, world)
        assert.deepStrictEqual(types(ran), [])
        assert.deepStrictEqual(ran.outcomes, ["dropped invalid_token 2", "dropped no_token 3"])
      })
  )

  it.effect("A12: a token that was refused is accepted once its project is there", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.run(E("u", {}, { token: "phc_late" }))
      world.projects.push(aProject({ id: 7, apiToken: "phc_late" }))
      const ran = yield* world.run(E("u", {}, { token: "phc_late" }))
      assert.strictEqual(ran.events[0]?.row["team_id"], 7)
    })
  )

  it.effect("A22: person processing that is forced off makes an $identify an ordinary personless event", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        I("alice", "anon-1", { set: { a: 1 } }, { headers: { force_disable_person_processing: "true" } })
      )
      assertPersonlessIdentify(ran, world)
    })
  )

  it.effect("A53: only `true` in historical_migration marks an event, and only as far as its time allows", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const header = { historical_migration: "true" }
      const ran = yield* world.run(
        E("u", {}, { headers: header, timestamp: T0, now: T0 + minutes(60 * 48) }),
        E("u"),
        E("u", {}, { headers: { historical_migration: "yes" } }),
        E("u", {}, { headers: header, timestamp: T0, now: T0 + minutes(60 * 48) - 1 }),
        E("u", {}, { headers: { ...header, timestamp: undefined } })
      )
      assert.deepStrictEqual(
        ran.events.map(({ row }) => [Object.hasOwn(row, "historical_migration"), row["historical_migration"]]),
        [
          [true, true],
          [false, undefined],
          [false, undefined],
          [false, undefined],
          [true, true]
        ]
      )
    })
  )

  it.effect("$verified is the server's word", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [aProject({ secretApiToken: "phs_1" })] })
      const ran = yield* world.run(E("u", { $verified: true }))
      assert.isFalse(Object.hasOwn(ran.events[0]?.properties ?? {}, "$verified"))
    })
  )
})
