/** Which messages are events of a project: the cases A of spec worker 8.1, through the whole of ingestion. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as FoldSettings from "@tributary/domain/person/Settings"
import * as EventFilter from "@tributary/domain/project/EventFilter"
import * as Topics from "@tributary/domain/row/Topics"
import { Effect } from "effect"
import * as World from "../support/IngestWorld.ts"
import { A, AL, E, GI, I, MD, message, minutes, T0, uuidOf, withHeaders, withValue } from "../support/Message.ts"

const { aProject, personUuid } = World

const types = (ran: World.Ran) => ran.warnings.map(({ type }) => type)
const names = (ran: World.Ran) => ran.events.map(({ distinctId, event }) => `${event} ${distinctId}`)
const reasons = (ran: World.Ran) => ran.letters.map(({ reason }) => reason)

/** Neither event nor letter nor person. */
const assertNothing = (ran: World.Ran, world: World.World) => {
  assert.deepStrictEqual([names(ran), reasons(ran), ran.told], [[], [], []])
  assert.strictEqual(world.tables.persons.size, 0)
}

describe("a body", () => {
  it.effect("A01: the envelope's distinct id goes before the event's own", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(E("outer", {}, { data: { distinct_id: "inner" } }))
      assert.deepStrictEqual(names(ran), ["custom outer"])
      assert.deepStrictEqual(ran.told, [`PM ${personUuid("outer")} v0`, "DM outer v0"])
      assert.isUndefined(world.person("inner"))
    })
  )

  for (const data of ["[1,2]", "no JSON", "null", '"text"']) {
    it.effect(`A02: data that is ${data} is a dead letter`, () =>
      Effect.gen(function* () {
        const world = yield* World.make()
        const ran = yield* world.run(E("u", {}, { envelope: { data } }))
        assert.deepStrictEqual([names(ran), reasons(ran)], [[], ["failed_parse_message"]])
        assert.strictEqual(world.tables.persons.size, 0)
        assert.isUndefined(ran.letters[0]?.team)
      })
    )
  }

  for (const value of ["", "{", "[]", '{"uuid":"x"}', '{"data":{}}']) {
    it.effect(`A02: a value that is ${value === "" ? "empty" : value} is a dead letter`, () =>
      Effect.gen(function* () {
        const world = yield* World.make()
        const ran = yield* world.run(withValue(E("u"), value))
        assert.deepStrictEqual([names(ran), reasons(ran)], [[], ["failed_parse_message"]])
      })
    )
  }

  it.effect("A03: without a uuid, or with something else for one, it is a dead letter", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        E("u", {}, { envelope: { uuid: undefined } }),
        E("u", {}, { envelope: { uuid: "" } }),
        E("u", {}, { envelope: { uuid: "abc" } }),
        E("u", {}, { envelope: { uuid: {} } })
      )
      assert.deepStrictEqual(reasons(ran), ["empty_uuid", "empty_uuid", "invalid_uuid", "failed_parse_message"])
      assert.deepStrictEqual(names(ran), [])
    })
  )

  it.effect("A04: a uuid in upper case, or of no version, is stored as it is", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const uuids = ["018F0000-0000-7000-8000-00000000ABCD", "018f0000-0000-0000-0000-00000000abcd"]
      const ran = yield* world.run(...uuids.map((uuid) => E("u", {}, { uuid })))
      assert.deepStrictEqual(
        ran.events.map(({ uuid }) => uuid),
        uuids
      )
    })
  )

  it.effect("A05, A06: a number or a boolean for the distinct id becomes its text, with a person", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        E("123", {}, { envelope: { distinct_id: 123 } }),
        E("true", {}, { envelope: { distinct_id: true } })
      )
      assert.deepStrictEqual(names(ran), ["custom 123", "custom true"])
      assert.strictEqual(world.person("123")?.uuid, personUuid("123"))
      assert.strictEqual(world.person("true")?.uuid, personUuid("true"))
    })
  )

  it.effect("A07: U+0000 in a distinct id is U+FFFD in event, person and mapping", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(E("a\u0000b", { "k\u0000": "v\u0000" }))
      assert.deepStrictEqual(names(ran), ["custom a\uFFFDb"])
      assert.strictEqual(ran.events[0]?.properties["k\uFFFD"], "v\uFFFD")
      assert.strictEqual(world.person("a\uFFFDb")?.uuid, personUuid("a\uFFFDb"))
    })
  )

  it.effect("A07: so it is where the envelope hides the escape", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const plain = E("u", { k: "a\u0000b" })
      const hidden = String(plain.value).replace("\\\\u0000", "\\u005cu0000")
      assert.notInclude(hidden, "\\\\u0000")
      const ran = yield* world.run(withValue(plain, hidden))
      assert.strictEqual(ran.events[0]?.properties["k"], "a\uFFFDb")
    })
  )

  it.effect("A52: a lone surrogate is U+FFFD, an emoji stays, and a name is not cut through one", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        message("e\uD83D", "d\uD83D", { v: "x\uD83Dy", "n\uD83D": 1, fine: "😀" }),
        message(`a${"😀".repeat(100)}`, "u")
      )
      assert.deepStrictEqual(names(ran), ["e\uFFFD d\uFFFD", `a${"😀".repeat(99)}\uFFFD u`])
      const { fine, v, "n\uFFFD": named } = ran.events[0]?.properties ?? {}
      assert.deepStrictEqual([v, named, fine], ["x\uFFFDy", 1, "😀"])
    })
  )

  it.effect("A14: a team id that a client sends is not believed", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(E("u", { team_id: 2 }, { data: { team_id: 2 }, envelope: { team_id: 2 } }))
      assert.strictEqual(ran.events[0]?.row["team_id"], 1)
    })
  )

  it.effect("A41: a name of 250 units is cut at 200", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(message("x".repeat(250), "u"))
      assert.strictEqual(ran.events[0]?.event, "x".repeat(200))
    })
  )

  it.effect("A42: an object for a name is a dead letter, and so are properties that are none", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        message({ a: 1 }, "u"),
        E("u", {}, { data: { properties: [1] } }),
        E("u", {}, { data: { $set: "x" } }),
        E("u", {}, { envelope: { distinct_id: { a: 1 } } }),
        E("u", {}, { envelope: { timestamp: 5 } })
      )
      assert.deepStrictEqual(
        reasons(ran),
        Array.from({ length: 5 }, () => "failed_parse_message")
      )
      assert.deepStrictEqual(ran.outcomes, ["dead_letter failed_parse_message 5"])
    })
  )

  it.effect("names that every object has are data like others", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const properties = JSON.parse('{"__proto__":{"x":1},"constructor":2,"$set":{"__proto__":3,"toString":4}}')
      const ran = yield* world.run(E("u", properties))
      const stored = ran.events[0]?.properties ?? {}
      assert.deepStrictEqual(Object.keys(stored).sort(), ["$ip", "$set", "__proto__", "constructor"])
      assert.deepStrictEqual(Object.keys(world.propertiesOf("u") ?? {}).sort(), ["__proto__", "toString"])
    })
  )
})

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

const assertPersonlessIdentify = (ran: World.Ran, world: World.World) => {
  const [event] = ran.events
  assert.deepStrictEqual(
    [event?.event, event?.mode, event?.personId, event?.properties["$process_person_profile"]],
    ["$identify", "propertyless", personUuid("alice"), false]
  )
  assert.isFalse(Object.hasOwn(event?.properties ?? {}, "$set"))
  assert.deepStrictEqual([types(ran), ran.told, world.tables.mappings.size], [[], [], 0])
}

describe("restrictions", () => {
  it.effect("A15: a token that is to be dropped is dropped before its body is looked at", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ restrictions: { drop_event: "phc_1" } })
      const ran = yield* world.run(E("u"), withValue(E("u"), "broken"))
      assertNothing(ran, world)
      assert.deepStrictEqual(ran.outcomes, ["dropped blocked_token 2"])
    })
  )

  it.effect("A16, A17: a token may be sent to the dead letters, but dropping goes first", () =>
    Effect.gen(function* () {
      const restrictions = { redirect_to_dlq: "phc_1,phc_2", drop_event: " phc_2 ,, " }
      const projects = [aProject(), aProject({ id: 2, apiToken: "phc_2" })]
      const world = yield* World.make({ restrictions, projects })
      const ran = yield* world.run(E("u"), E("u", {}, { token: "phc_2" }))
      assert.deepStrictEqual(reasons(ran), ["restricted_to_dlq"])
      assert.deepStrictEqual(ran.outcomes, ["dead_letter restricted_to_dlq 1", "dropped blocked_token 1"])
    })
  )

  it.effect("A18: a restriction of one distinct id leaves the token's others alone", () =>
    Effect.gen(function* () {
      const restrictions = { drop_event: "phc_1:u1,phc_1:distinct_id:u2,phc_1:distinct_id:a:b" }
      const world = yield* World.make({ restrictions })
      const ran = yield* world.run(E("u1"), E("u2"), E("a:b"), E("u3"))
      assert.deepStrictEqual(names(ran), ["custom u3"])
    })
  )

  it.effect("H23: several restrictions of one message apply together", () =>
    Effect.gen(function* () {
      const restrictions = { force_overflow: "phc_1", skip_person_processing: "phc_1:u" }
      const world = yield* World.make({ restrictions, settings: { overflowEnabled: true } })
      const ran = yield* world.run(E("u"), E("v"))
      assert.deepStrictEqual(
        ran.redirected.map(({ key }) => (key === null ? null : World.textOf(key))),
        [null, "phc_1:v"]
      )
    })
  )

  it.effect("A19: a token may be forced to the overflow lane, with key, value and headers as they were", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        restrictions: { force_overflow: "phc_1" },
        settings: { overflowEnabled: true }
      })
      const sent = E("u")
      const ran = yield* world.run(sent)
      assertNothing(ran, world)
      const [record] = ran.redirected
      assert.deepStrictEqual([World.textOf(record!.key), World.textOf(record!.value)], [sent.key, sent.value])
      assert.deepStrictEqual(record!.headers.slice(0, sent.headers.length), sent.headers)
      assert.deepStrictEqual(
        record!.headers.slice(sent.headers.length).map(([name]) => name),
        ["redirect-step", "redirect-timestamp"]
      )
      assert.deepStrictEqual(ran.outcomes, ["redirected force_overflow 1"])
    })
  )

  for (const overflowPreserveLocality of [false, true]) {
    it.effect(
      `H18: without persons the key of a redirected message ${overflowPreserveLocality ? "stays" : "goes"}`,
      () =>
        Effect.gen(function* () {
          const world = yield* World.make({
            restrictions: { force_overflow: "phc_1", skip_person_processing: "phc_1" },
            settings: { overflowEnabled: true, overflowPreserveLocality }
          })
          const ran = yield* world.run(E("u"))
          const [record] = ran.redirected
          const original = record!.headers.find(([name]) => name === "redirect-original-key")?.[1]
          if (overflowPreserveLocality) {
            assert.strictEqual(World.textOf(record!.key), "phc_1:u")
            assert.isUndefined(original)
          } else {
            assert.isNull(record!.key)
            assert.deepStrictEqual(original, new TextEncoder().encode("phc_1:u"))
          }
        })
    )
  }

  it.effect("A20: where overflow is off the message is processed", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ restrictions: { force_overflow: "phc_1" } })
      const ran = yield* world.run(E("u"))
      assert.deepStrictEqual([names(ran), ran.redirected.length], [["custom u"], 0])
    })
  )

  it.effect("H17: the overflow lane does not redirect to itself", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        restrictions: { force_overflow: "phc_1" },
        settings: { overflowEnabled: true }
      })
      const records = yield* world.append([E("u", {}, { topic: Topics.eventsOverflow })])
      const ran = yield* world.deliver(records)
      assert.deepStrictEqual([names(ran), ran.redirected.length], [["custom u"], 0])
    })
  )

  it.effect("A21: a token without person processing gets its $identify as a personless event", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ restrictions: { skip_person_processing: "phc_1" } })
      const ran = yield* world.run(I("alice", "anon-1", { set: { a: 1 } }))
      assertPersonlessIdentify(ran, world)
    })
  )
})

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

describe("time", () => {
  const now = T0
  const old = [aProject({ dropEventsOlderThanSeconds: 3600 })]

  it.effect("A30: an event older than its project allows is dropped", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: old })
      const ran = yield* world.run(E("u", {}, { timestamp: now - 3_660_000, now }))
      assertNothing(ran, world)
      assert.deepStrictEqual(ran.outcomes, ["dropped event_too_old 1"])
      assert.deepStrictEqual(types(ran), ["event_dropped_too_old"])
      const { ageInSeconds, dropThresholdSeconds } = ran.warnings[0]?.details ?? {}
      assert.deepStrictEqual([ageInSeconds, dropThresholdSeconds], [3660, 3600])
    })
  )

  it.effect("A31: one that is just old enough, of unknown age, or from the future is stored", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: old })
      const ran = yield* world.run(
        E("u", {}, { timestamp: now - 3_540_000, now }),
        E("u", {}, { timestamp: now - 3_600_000, now }),
        E("u", {}, { timestamp: now - 9_000_000, now, headers: { timestamp: null } }),
        E("u", {}, { timestamp: now + 9_000_000, now })
      )
      assert.strictEqual(ran.events.length, 4)
    })
  )

  it.effect("A32: without a threshold, or with 0, any age will do", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        projects: [aProject({ dropEventsOlderThanSeconds: 0 }), aProject({ id: 2, apiToken: "phc_2" })]
      })
      const timestamp = now - 10 * 365 * 86_400_000
      const ran = yield* world.run(E("u", {}, { timestamp, now }), E("u", {}, { timestamp, now, token: "phc_2" }))
      assert.strictEqual(ran.events.length, 2)
    })
  )

  const stored = (timestamp: unknown, envelope = {}) =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(E("u", {}, { now, envelope: { timestamp, ...envelope } }))
      return { at: ran.events[0]?.timestamp, types: types(ran), ran, world }
    })

  it.effect("A33: a time that cannot be read is the time of receipt, with one warning", () =>
    Effect.gen(function* () {
      const { at, ran, types } = yield* stored("yesterday-ish")
      assert.deepStrictEqual([at, types], ["2024-05-01 10:00:00.000", ["ignored_invalid_timestamp"]])
      assert.strictEqual(ran.warnings[0]?.details["value"], "yesterday-ish")
    })
  )

  it.effect("A34, G02: a time is stored in UTC, with three digits of milliseconds", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* stored("2021-10-30T03:02:00.000+04:00")).at, "2021-10-29 23:02:00.000")
      assert.strictEqual((yield* stored("2024-05-01T10:00:00.1Z")).at, "2024-05-01 10:00:00.100")
    })
  )

  for (const [timestamp, expected] of [
    ["+010000-01-01T00:00:00Z", "2024-05-01 10:00:00.000"],
    ["2149-01-01T00:00:00Z", "2024-05-01 10:00:00.000"],
    ["1969-12-31T23:59:59Z", "1970-01-01 00:00:00.000"],
    ["0000-06-01T00:00:00Z", "1970-01-01 00:00:00.000"]
  ]) {
    it.effect(`A35: ${timestamp} becomes ${expected}, with a warning`, () =>
      Effect.gen(function* () {
        const { at, types } = yield* stored(timestamp)
        assert.deepStrictEqual([at, types], [expected, ["ignored_invalid_timestamp"]])
      })
    )
  }

  it.effect(
    "A36: an event without a time has the envelope's, else the record's, and again when it is delivered again",
    () =>
      Effect.gen(function* () {
        const world = yield* World.make()
        const untimed = E("u", {}, { now, envelope: { timestamp: undefined }, headers: { timestamp: null } })
        const unstamped = E(
          "u",
          {},
          { envelope: { timestamp: undefined, now: undefined }, headers: { timestamp: null, now: null } }
        )
        const records = [
          ...(yield* world.append([untimed])),
          ...(yield* world.append([unstamped])).map((record) => ({ ...record, timestamp: T0 + 1 }))
        ]
        for (const ran of [yield* world.deliver(records), yield* world.deliver(records)]) {
          assert.deepStrictEqual(
            ran.events.map(({ timestamp }) => timestamp),
            ["2024-05-01 10:00:00.000", "2024-05-01 10:00:00.001"]
          )
          assert.deepStrictEqual(types(ran), [])
        }
      })
  )

  it.effect("a time of receipt that no table could hold is not believed", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const wild = E(
        "u",
        {},
        {
          envelope: { timestamp: undefined, now: "+010000-01-01T00:00:00Z" },
          headers: { now: "0000-01-01T00:00:00Z" }
        }
      )
      const [record] = yield* world.append([wild])
      const ran = yield* world.deliver([{ ...record!, timestamp: T0 }])
      assert.strictEqual(ran.events[0]?.timestamp, "2024-05-01 10:00:00.000")
      const before = yield* world.deliver([{ ...record!, timestamp: -1 }])
      assert.strictEqual(before.events[0]?.timestamp, "1970-01-01 00:00:00.000")
    })
  )
})

describe("properties", () => {
  it.effect("A43, A44: the address is $ip unless the client gave one, and goes where addresses are anonymised", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        projects: [aProject(), aProject({ id: 2, apiToken: "phc_2", anonymizeIps: true })]
      })
      const ip = "1.2.3.4"
      const ran = yield* world.run(
        E("u", {}, { ip }),
        E("u", { $ip: "5.6.7.8" }, { ip }),
        E("u", {}, { ip, token: "phc_2" }),
        E("u", { $ip: "5.6.7.8" }, { ip, token: "phc_2" })
      )
      assert.deepStrictEqual(
        ran.events.map(({ properties }) => properties["$ip"]),
        ["1.2.3.4", "5.6.7.8", undefined, undefined]
      )
    })
  )

  it.effect("A45: the envelope's sent_at is kept as $sent_at", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(E("u", {}, { envelope: { sent_at: "2024-05-01T12:00:00+02:00" } }))
      assert.strictEqual(ran.events[0]?.properties["$sent_at"], "2024-05-01T12:00:00+02:00")
    })
  )

  it.effect("A46: a session id is lower-cased if it is a UUID, and else stays, with a warning", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const id = uuidOf("session")
      const ran = yield* world.run(E("u", { $session_id: id.toUpperCase() }), E("u", { $session_id: "hello" }))
      assert.deepStrictEqual(
        ran.events.map(({ properties }) => properties["$session_id"]),
        [id, "hello"]
      )
      assert.deepStrictEqual(types(ran), ["invalid_event_session_id"])
    })
  )

  it.effect("A47: a group key of 401 units drops the $groupidentify", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(GI("org", "k".repeat(401), {}), GI("org", "k".repeat(400), {}))
      assert.deepStrictEqual(ran.outcomes, ["dropped group_key_too_long 1", "stored 1"])
      assert.deepStrictEqual(types(ran), ["group_key_too_long"])
      assert.strictEqual(ran.warnings[0]?.details["groupKeyLength"], 401)
    })
  )

  it.effect("A48: a merge partner that is no text drops the event", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(I("alice", { a: 1 }), AL("alice", 5), MD("alice", ["x"]))
      assertNothing(ran, world)
      assert.deepStrictEqual(ran.outcomes, ["dropped invalid_alias 2", "dropped invalid_anon_distinct_id 1"])
      assert.deepStrictEqual(
        ran.warnings.map(({ details, type }) => [type, details["receivedType"]]),
        [
          ["invalid_anon_distinct_id", "object"],
          ["invalid_alias", "number"]
        ]
      )
    })
  )

  it.effect("A49: what SDKs keep for themselves is not stored", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        E("u", { $override_feature_flag_payloads: {}, ph_product_tours: [], $product_tours_activated: 1, kept: 1 })
      )
      assert.deepStrictEqual(Object.keys(ran.events[0]?.properties ?? {}).sort(), ["$ip", "kept"])
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
      const off = yield* World.make({ settings: { cookielessDisabled: true } })
      assert.deepStrictEqual((yield* off.run(E("u", { $cookieless_mode: true }))).outcomes, [
        "dropped cookieless_globally_disabled 1"
      ])
    })
  )
})

describe("a project's own rules", () => {
  const filter = (mode: string, tree: unknown) => EventFilter.decode({ id: "f1", mode, tree }) ?? null
  const noise = { type: "condition", field: "event_name", operator: "exact", value: "noise" }

  it.effect("A54: a live filter drops what it matches and counts it", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [aProject({ eventFilter: filter("live", noise) })] })
      const ran = yield* world.run(message("noise", "u"), message("signal", "u"))
      assert.deepStrictEqual(names(ran), ["signal u"])
      assert.deepStrictEqual(ran.outcomes, ["dropped event_filter 1", "stored 1"])
      assert.strictEqual(ran.metrics.length, 1)
      assert.deepInclude(ran.metrics[0], {
        team_id: 1,
        app_source: "event_filter",
        app_source_id: "f1",
        metric_kind: "other",
        metric_name: "dropped",
        count: 1
      })
      assert.isFalse(Object.hasOwn(ran.metrics[0] ?? {}, "instance_id"))
      const [record] = world.recordsOf(Topics.clickhouseAppMetrics)
      assert.strictEqual(World.textOf(record!.key), "1")
    })
  )

  it.effect("A55: a filter on trial lets everything through, and counts it once a batch", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [aProject({ eventFilter: filter("dry-run", noise) })] })
      const ran = yield* world.run(message("noise", "u"), message("noise", "v"), message("noise", "w"))
      assert.strictEqual(ran.events.length, 3)
      assert.deepStrictEqual(
        ran.metrics.map(({ count, metric_name }) => [metric_name, count]),
        [["would_be_dropped", 3]]
      )
    })
  )

  it.effect("A56: a filter without a condition is none", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        projects: [aProject({ eventFilter: filter("live", { type: "and", children: [] }) })]
      })
      assert.strictEqual((yield* world.run(E("u"))).events.length, 1)
    })
  )

  it.effect("A57: an enforced schema drops what does not fit it", () =>
    Effect.gen(function* () {
      const eventSchemas = new Map([["buy", new Map([["price", ["Numeric" as const]]])]])
      const world = yield* World.make({ projects: [aProject({ eventSchemas })] })
      const ran = yield* world.each(
        message("buy", "u", { price: "12.5" }),
        message("buy", "u"),
        message("buy", "u", { price: true }),
        message("sell", "u")
      )
      assert.deepStrictEqual(names(ran), ["buy u", "sell u"])
      assert.deepStrictEqual(ran.outcomes, ["dropped schema_validation_failed 2", "stored 2"])
      // One warning an hour; the other drop's is held back.
      assert.deepStrictEqual(
        ran.warnings.map(({ details, type }) => [type, details["errors"]]),
        [["schema_validation_failed", [{ property: "price", reason: "missing_required" }]]]
      )
    })
  )

  it.effect("a project takes its own messages only", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [aProject(), aProject({ id: 2, apiToken: "phc_2" })] })
      const ran = yield* world.run(E("u", { set: { a: 1 } }), E("u", { set: { a: 2 } }, { token: "phc_2" }))
      assert.deepStrictEqual(
        ran.events.map(({ personId }) => personId),
        [Uuid.personUuid(1, "u"), Uuid.personUuid(2, "u")]
      )
      assert.deepStrictEqual([world.propertiesOf("u", 1), world.propertiesOf("u", 2)], [{ a: 1 }, { a: 2 }])
    })
  )

  it.effect("headers that nobody knows, and bytes, do no harm", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const sent = E("u")
      const ran = yield* world.run(
        withHeaders(sent, [
          ...sent.headers,
          ["lib", new Uint8Array([255])],
          ["token", new TextEncoder().encode("phc_1")]
        ])
      )
      assert.strictEqual(ran.events.length, 1)
    })
  )
})
