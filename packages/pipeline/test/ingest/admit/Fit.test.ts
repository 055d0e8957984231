/** Which events fit their project: cases of spec worker 8.1, through the whole of ingestion. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as EventFilter from "@tributary/domain/project/EventFilter"
import * as Topics from "@tributary/domain/row/Topics"
import { Effect } from "effect"
import * as World from "../../support/IngestWorld.ts"
import { AL, E, GI, I, MD, message, T0, uuidOf, withHeaders } from "../../support/Message.ts"
import { assertNothing, names, types } from "../../support/Said.ts"

const { aProject } = World

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
