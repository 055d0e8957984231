/** What the worker makes of a message: cases of spec worker 8.1, through the whole of ingestion. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as World from "../../support/IngestWorld.ts"
import { E, message, withValue } from "../../support/Message.ts"
import { names, reasons } from "../../support/Said.ts"

const { personUuid } = World

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
