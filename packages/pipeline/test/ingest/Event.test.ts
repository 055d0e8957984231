/** The event as it leaves the worker: the cases G of spec worker 8.7 that the worker decides. */
import { assert, describe, it } from "@effect/vitest"
import { header } from "@tributary/pipeline/service/LogMessage"
import { Effect } from "effect"
import * as World from "../support/IngestWorld.ts"
import { A, E, GI, message, minutes, T0, uuidOf } from "../support/Message.ts"

describe("an event's row", () => {
  it.effect("G01: has exactly the fields of the message, with properties as JSON text", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const uuid = uuidOf("g01")
      const ran = yield* world.run(E("u", { a: 1, set: { b: 2 } }, { uuid, now: T0 + 5 }))
      const { created_at, ...row } = ran.events[0]?.row ?? {}
      assert.strictEqual(created_at, "1970-01-01 00:00:00.000") // The test's clock.
      assert.deepStrictEqual(row, {
        uuid,
        event: "custom",
        properties: '{"a":1,"$set":{"b":2},"$ip":"127.0.0.1"}',
        timestamp: "2024-05-01 10:00:00.000",
        team_id: 1,
        project_id: 1,
        distinct_id: "u",
        elements_chain: "",
        captured_at: "2024-05-01 10:00:00.005",
        person_id: World.personUuid("u"),
        person_properties: `{"b":2,"$creator_event_uuid":"${uuid}"}`,
        person_created_at: "2024-05-01 10:00:00",
        person_mode: "full"
      })
      assert.strictEqual(World.textOf(ran.events[0]?.record.key ?? null), uuid)
    })
  )

  it.effect("G03: shows the person as it is after the event", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.run(E("u", { set: { a: 1, b: 2 } }))
      const ran = yield* world.run(E("u", { set: { b: 3 } }, { timestamp: T0 + minutes(1) }))
      assert.deepStrictEqual(ran.events[0]?.personProperties, { a: 1, b: 3 })
    })
  )

  const chainOf = (properties: Readonly<Record<string, unknown>>) =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(message("$autocapture", "u", properties))
      const stored = ran.events[0]?.properties ?? {}
      assert.isFalse(Object.hasOwn(stored, "$elements") || Object.hasOwn(stored, "$elements_chain"))
      return ran.events[0]?.row["elements_chain"]
    })

  it.effect("G04: elements become a chain, with classes in order", () =>
    Effect.gen(function* () {
      const $elements = [
        { tag_name: "a", attr__class: "btn primary", attr__href: "/x", $el_text: "Go", nth_child: 1, nth_of_type: 1 },
        { tag_name: "div", attr__class: ["z", "a"] }
      ]
      const [first, second] = String(yield* chainOf({ $elements })).split(";")
      assert.isTrue(first?.startsWith("a.btn.primary:"))
      assert.isTrue(second?.startsWith("div.a.z:"))
    })
  )

  it.effect("G05: a chain that is given is taken as it is", () =>
    Effect.gen(function* () {
      const given = yield* chainOf({ $elements_chain: 'a:text="x"', $elements: [{ tag_name: "b" }] })
      assert.strictEqual(given, 'a:text="x"')
    })
  )

  it.effect("G06: elements that are none leave the chain empty", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* chainOf({ $elements: "oops" }), "")
    })
  )

  it.effect("G07: long texts and addresses of elements are cut", () =>
    Effect.gen(function* () {
      const chain = String(
        yield* chainOf({ $elements: [{ tag_name: "a", $el_text: "t".repeat(500), attr__href: "h".repeat(3000) }] })
      )
      assert.include(chain, `text="${"t".repeat(400)}"`)
      assert.match(chain, /(?<!_)href="h{2048}"/)
    })
  )

  it.effect("G08: events of AI observability say so in a header", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(message("$ai_generation", "u"), E("u"))
      assert.deepStrictEqual(
        ran.events.map(({ record }) => header(record.headers, "productTrack")),
        ["llma", "general"]
      )
    })
  )

  it.effect("G17: a personless event shows nobody", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(A("u", { a: 1 }))
      const { person_created_at, person_id, person_mode, person_properties } = ran.events[0]?.row ?? {}
      assert.deepStrictEqual(
        [person_properties, person_created_at, person_mode, person_id],
        ["{}", "1970-01-01 00:00:05", "propertyless", World.personUuid("u")]
      )
    })
  )
})

describe("groups", () => {
  it.effect("a type is registered by the batch that names it first, and events show its key", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        GI("org", "acme", { plan: "pro" }),
        E("v", { $groups: { org: "acme", team: "t" } }),
        A("w", { $groups: { org: "acme" }, $group_0: "x" })
      )
      const [, event, personless] = ran.events
      assert.deepStrictEqual([event?.properties["$group_0"], event?.properties["$group_1"]], ["acme", "t"])
      assert.isFalse(Object.hasOwn(personless?.properties ?? {}, "$group_0"))
      assert.include(ran.told, "GM 0 acme v1")
    })
  )

  it.effect("a project's first event sets its flag, and no plug-in metric does", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [World.aProject({ ingestedEvent: false })] })
      yield* world.run(message("$$plugin_metrics", "u"))
      assert.isFalse(world.projects[0]?.ingestedEvent)
      yield* world.run(E("u"))
      assert.isTrue(world.projects[0]?.ingestedEvent)
    })
  )
})
