import { assert, describe, it } from "@effect/vitest"
import type { EventMessage } from "@tributary/domain/function/Globals"
import type { Row } from "@tributary/domain/function/HogFunction"
import * as Match from "@tributary/pipeline/deliver/Match"
import { Effect } from "effect"
import { aHook, aMessage, aRecord, aWorld, textOf, uuid } from "./fixtures.ts"

/** What became of these events with these hooks. */
const matched = (
  hooks: ReadonlyArray<Row>,
  batches: ReadonlyArray<ReadonlyArray<EventMessage>>,
  groups: Parameters<typeof aWorld>[1] = []
) =>
  Effect.gen(function* () {
    const world = aWorld(hooks, groups)
    yield* Effect.forEach(batches, (batch) =>
      Match.batch(
        batch.map((message) => aRecord(textOf(message))),
        { siteUrl: "https://eu.example" }
      )
    ).pipe(Effect.provide(world.layer))
    return { metrics: world.metrics(), lines: world.lines(), rows: [...world.deliveries.values()] }
  })

const of = (hook: Row, ...events: ReadonlyArray<Partial<EventMessage>>) =>
  matched([hook], [events.map((event, n) => aMessage({ uuid: uuid(n + 1), ...event }))])

const onlyPro = { properties: [{ key: "plan", value: "pro" }] }

describe("matching", () => {
  it.effect("D1: a destination without filters gets every event of its project, and none of others", () =>
    Effect.gen(function* () {
      const { metrics, rows } = yield* of(aHook(), {}, { event: "$pageview" }, { team: 2, projectId: 2 })
      assert.deepStrictEqual(metrics, { triggered: 2 })
      assert.deepStrictEqual(
        rows.map(({ event }) => event),
        [uuid(1), uuid(2)]
      )
    })
  )

  it.effect("D2, D3: filters on events and on people keep others out", () =>
    Effect.gen(function* () {
      const hook = aHook(
        {},
        {
          filters: {
            events: [{ id: "signup" }],
            properties: [{ key: "email", type: "person", operator: "not_icontains", value: "@acme.com" }]
          }
        }
      )
      const staff = { person: { id: "p", properties: { email: "bob@acme.com" } } }
      const { metrics } = yield* of(hook, {}, { event: "$pageview" }, staff)
      assert.deepStrictEqual(metrics, { triggered: 1, filtered: 2 })
    })
  )

  it.effect("D4: each mapping that matches is a delivery of its own", () =>
    Effect.gen(function* () {
      const hook = aHook({}, { mappings: [{}, { filters: { events: [{ id: "other" }] } }, { filters: onlyPro }] })
      const { metrics, rows } = yield* of(hook, { properties: { plan: "pro" } })
      assert.deepStrictEqual(
        rows.map(({ mapping }) => mapping),
        [0, 2]
      )
      assert.deepStrictEqual(metrics, { triggered: 2, filtered: 1 })
    })
  )

  it.effect("D5: no mapping counts where the function's own filter does not match", () =>
    Effect.gen(function* () {
      const { metrics, rows } = yield* of(aHook({}, { filters: onlyPro, mappings: [{}, {}] }), {})
      assert.deepStrictEqual(rows, [])
      assert.deepStrictEqual(metrics, { filtered: 1 })
    })
  )

  it.effect("D8, D10: masks what has the same hash, and not what has none", () =>
    Effect.gen(function* () {
      const hook = aHook({}, { masking: { hash: "{event.properties.order}" } })
      const { metrics, rows } = yield* of(hook, ...[1, 1, 1].map((order) => ({ properties: { order } })), {}, {})
      assert.deepStrictEqual(metrics, { triggered: 3, masked: 2 })
      assert.deepStrictEqual(
        rows.map(({ event }) => event),
        [uuid(1), uuid(4), uuid(5)]
      )
    })
  )

  it.effect("D51: an event that comes twice is enqueued once, in one batch and in two", () =>
    Effect.gen(function* () {
      const hook = aHook({}, { mappings: [{}, {}] })
      const { metrics, rows } = yield* matched([hook], [[aMessage(), aMessage()], [aMessage()]])
      assert.strictEqual(rows.length, 2)
      assert.deepStrictEqual(metrics, { triggered: 2 })
    })
  )

  it.effect("D55: an import fires nothing unless the row asks for it", () =>
    Effect.gen(function* () {
      const imported = aMessage({ historicalMigration: true })
      const asking = aHook({}, { filters: { historical_migration: true } })
      const { metrics, rows } = yield* matched([aHook(), asking], [[imported]])
      assert.deepStrictEqual(
        rows.map((row) => row.function),
        [asking.id]
      )
      assert.deepStrictEqual(metrics, { filtered: 1, triggered: 1 })
    })
  )

  it.effect("filters may look at groups, by the index of their type", () =>
    Effect.gen(function* () {
      const hook = aHook(
        {},
        { filters: { properties: [{ key: "plan", type: "group", group_type_index: 2, value: "pro" }] } }
      )
      const groups = [{ team: 1, type: "company", index: 2, key: "acme", properties: { plan: "pro" } }]
      const events = [{ company: "acme" }, { company: "other" }, { planet: "earth" }].map(($groups, n) =>
        aMessage({ uuid: uuid(n + 1), properties: { $groups } })
      )
      const { metrics } = yield* matched([hook], [events], groups)
      assert.deepStrictEqual(metrics, { triggered: 1, filtered: 2 })
    })
  )

  it.effect("a filter that fails on an event counts, tells its owner, and stops nobody else", () =>
    Effect.gen(function* () {
      const fragile = aHook({}, { filters: { properties: [{ key: "a", operator: "icontains", value: "x" }] } })
      const world = aWorld([fragile, aHook()])
      const nested = `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`
      const text = JSON.stringify({ ...JSON.parse(textOf(aMessage())), properties: nested })
      yield* Match.batch([aRecord(text)], { siteUrl: "" }).pipe(Effect.provide(world.layer))
      assert.deepStrictEqual(world.metrics(), { filtering_failed: 1, triggered: 1 })
      assert.match(world.lines()[0] ?? "", /^error: Error filtering event 018f3a2e/)
    })
  )

  it.effect("messages that cannot be read are passed over", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      const good = textOf(aMessage())
      const bad = [
        "",
        "{",
        "[]",
        "{}",
        '{"team_id":1}',
        good.replace(uuid(1), "no uuid"),
        good.replace("2024-05-01", "then")
      ]
      yield* Match.batch([...bad, good].map(aRecord), { siteUrl: "" }).pipe(Effect.provide(world.layer))
      assert.deepStrictEqual(world.metrics(), { triggered: 1 })
    })
  )

  it.effect("D50: metrics that cannot be sent undo nothing", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      world.log.faults.refuse = () => "no"
      yield* Match.batch([aRecord(textOf(aMessage()))], { siteUrl: "" }).pipe(Effect.provide(world.layer))
      assert.strictEqual(world.deliveries.size, 1)
    })
  )
})
