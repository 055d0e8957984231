/** Which events touch people, and which are none: cases of spec worker 8.1, through the whole of ingestion. */
import { assert, describe, it } from "@effect/vitest"
import * as FoldSettings from "@tributary/domain/person/Settings"
import { Effect } from "effect"
import * as World from "../support/IngestWorld.ts"
import { A, AL, E, GI, I, MD, message, minutes, T0 } from "../support/Message.ts"
import { assertNothing, reasons, types } from "../support/Said.ts"

const { aProject, personUuid } = World

describe("person processing", () => {
  it.effect("A23, A28: what would merge but may touch nobody is dropped, with a warning each time", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        projects: [aProject(), aProject({ id: 2, apiToken: "phc_2", personProcessingOptOut: true })]
      })
      const off = { $process_person_profile: false }
      const ran = yield* world.run(
        I("alice", "anon-1", {}, { token: "phc_2" }),
        AL("alice", "anon-1", off),
        MD("alice", "anon-1", off),
        AL("alice", "anon-1", off)
      )
      assertNothing(ran, world)
      assert.deepStrictEqual(ran.outcomes, ["dropped invalid_event_for_flags 4"])
      assert.deepStrictEqual(
        types(ran),
        Array.from({ length: 4 }, () => "invalid_event_when_process_person_profile_is_false")
      )
    })
  )

  for (const personlessUpgrade of [false, true]) {
    it.effect(
      `A24: an opted-out project's events are propertyless ${personlessUpgrade ? "even with PERSONLESS_UPGRADE" : ""}`,
      () =>
        Effect.gen(function* () {
          const world = yield* World.make({ settings: { fold: { ...FoldSettings.defaults, personlessUpgrade } } })
          yield* world.run(E("alice", { set: { a: 1 } }))
          world.projects.splice(0, 1, aProject({ personProcessingOptOut: true }))
          const ran = yield* world.run(E("alice", {}, { timestamp: T0 + minutes(60) }))
          const [event] = ran.events
          assert.deepStrictEqual(
            [event?.mode, event?.personProperties, event?.personId],
            ["propertyless", {}, personUuid("alice")]
          )
        })
    )
  }

  it.effect("A25, A26: a wish that is no boolean counts for nothing but a warning; `true` goes without a trace", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        E("u", { $process_person_profile: "false" }),
        E("u", { $process_person_profile: true })
      )
      assert.deepStrictEqual(
        ran.events.map(({ mode, properties }) => [mode, Object.hasOwn(properties, "$process_person_profile")]),
        [
          ["full", false],
          ["full", false]
        ]
      )
      assert.deepStrictEqual(types(ran), ["invalid_process_person_profile"])
      assert.strictEqual(ran.warnings[0]?.details["$process_person_profile"], "false")
    })
  )

  it.effect("A27: a personless event is stored without changes of a person, wherever they stood", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const changes = { $set: { a: 1 }, $set_once: { b: 1 }, $unset: ["c"] }
      const ran = yield* world.run(A("u", { ...changes, $browser: "X" }, { data: changes }))
      assert.deepStrictEqual(Object.keys(ran.events[0]?.properties ?? {}).sort(), [
        "$browser",
        "$ip",
        "$process_person_profile"
      ])
      assert.strictEqual(world.tables.persons.size, 0)
    })
  )

  it.effect("A29: a personless $groupidentify is stored, without group, type and $group_0", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        GI("org", "acme", { plan: "pro" }, { $process_person_profile: false, $group_0: "x" })
      )
      assert.deepStrictEqual([ran.events[0]?.event, ran.events[0]?.mode], ["$groupidentify", "propertyless"])
      assert.isFalse(Object.hasOwn(ran.events[0]?.properties ?? {}, "$group_0"))
      assert.strictEqual(world.tables.groups.size, 0)
      // The type's index is still free.
      const next = yield* world.run(GI("team", "t", {}))
      assert.include(next.told, "GM 0 t v1")
    })
  )
})

describe("events of special meaning", () => {
  it.effect("A50: an $exception is stored and makes its person, or is a dead letter where the denylist names it", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(message("$exception", "u", { $set: { a: 1 } }))
      assert.deepStrictEqual([ran.events[0]?.event, ran.events[0]?.mode], ["$exception", "full"])
      assert.deepStrictEqual(world.propertiesOf("u"), {})
      const denying = yield* World.make({ settings: { eventDenylist: new Set(["$exception"]) } })
      const denied = yield* denying.run(
        message("$exception", "u"),
        message("$exception", "u", {}, { headers: { event: null } })
      )
      assert.deepStrictEqual(reasons(denied), ["event_in_denylist", "event_in_denylist"])
      assert.strictEqual(denied.events.length, 0)
    })
  )

  it.effect("A51: a client's warning is a warning and no event", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        message("$$client_ingestion_warning", "u", { $$client_ingestion_warning_message: "m" })
      )
      assertNothing(ran, world)
      assert.deepStrictEqual(types(ran), ["client_ingestion_warning"])
      const { distinctId, event, message: said, pipelineStep } = ran.warnings[0]?.details ?? {}
      assert.deepStrictEqual(
        [said, distinctId, event, pipelineStep],
        ["m", "u", "$$client_ingestion_warning", "client-emit"]
      )
    })
  )

  it.effect("a cookieless event is dropped where the mode is off, and a dead letter where it is on", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        projects: [aProject(), aProject({ id: 2, apiToken: "phc_2", cookielessMode: 1 })]
      })
      const ran = yield* world.run(
        E("u", { $cookieless_mode: true }),
        E("u", { $cookieless_mode: true }, { token: "phc_2" })
      )
      assert.deepStrictEqual(ran.outcomes, [
        "dead_letter cookieless_fail_close 1",
        "dropped cookieless_team_disabled 1"
      ])
      assert.deepStrictEqual([ran.letters.length, ran.letters[0]?.team], [1, "2"])
      const off = yield* World.make({ settings: { cookielessDisabled: true } })
      assert.deepStrictEqual((yield* off.run(E("u", { $cookieless_mode: true }))).outcomes, [
        "dropped cookieless_globally_disabled 1"
      ])
    })
  )
})
