/** The conformance cases of spec worker 8.3 in which something stands in the way: limits, other writers, redelivery. Named by their ids. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as Transaction from "@tributary/pipeline/service/memory/PersonTransaction"
import { E, event, I } from "./support/Events.ts"
import { shown, World } from "./support/World.ts"

const U = (distinctId: string) => Uuid.personUuid(1, distinctId)
const kb = (count: number) => "x".repeat(count * 1024)

describe("a person that went meanwhile", () => {
  const late = (world: World) => world.append(E("u", { set: { a: 7, d: 9 } }), 1)

  it("C34 into another: the event is folded over that one", () => {
    const world = new World()
    world.batch(E("u", { set: { a: 1 } }))
    world.batch(E("v", { set: { a: 6, c: 8 } }))
    const taken = late(world)
    world.batch(event("$merge_dangerously", "v", { alias: "u" }))
    const before = world.person("v")!.version
    const ran = world.deliver([taken])
    assert.deepStrictEqual(world.people(), [`P(v) v${before + 1} id'd {"a":7,"c":8,"d":9} u@1 v@0`])
    assert.strictEqual(ran.stored[0]?.person.uuid, U("v"))
  })

  it("C35 for good: it is created anew at its floor, and ClickHouse shows it as living", () => {
    const world = new World()
    world.each(E("u"), E("u", { set: { a: 1 } }))
    const taken = late(world)
    world.deletePerson("u")
    world.deliver([taken])
    assert.deepStrictEqual(world.people(), [`P(u) v102 {"a":7,"d":9} u@102`])
    assert.strictEqual(world.clickhouse.persons.get(`1:${U("u")}`)?.is_deleted, 0)
    assert.strictEqual(world.clickhouse.distinctIds.get("1:u")?.is_deleted, 0)
  })

  it("C42 with two distinct ids: each comes back above its tombstone", () => {
    const world = new World()
    world.each(I("alice", "anon-1"), ...[1, 2, 3].map((n) => E("alice", { set: { n } })))
    world.deletePerson("alice")
    const ran = world.batch(I("alice", "anon-1"))
    assert.deepStrictEqual(world.people(), ["P(alice) v104 id'd {} alice@104 anon-1@105"])
    assert.deepStrictEqual(world.told(ran.messages), ["PM alice v104", "DM alice→alice v104", "DM anon-1→alice v105"])
    assert.deepStrictEqual(world.overrides(), ["alice→alice", "anon-1→alice"])
    assert.strictEqual(world.clickhouse.persons.get(`1:${U("alice")}`)?.version, 104)
  })
})

describe("properties over the limit", () => {
  it("C36 of a new person make a dead letter, and nobody", () => {
    const world = new World()
    const ran = world.batch(E("u", { set: { big: kb(700) } }), E("v"))
    assert.deepStrictEqual(world.people(), ["P(v) v0 {} v@0"])
    assert.strictEqual(ran.letters.length, 1)
    assert.deepStrictEqual(
      ran.warnings.map(({ details, type }) => [type, details["personId"], details["eventUuid"]]),
      [["person_properties_size_violation", U("u"), world.log[0]?.uuid]]
    )
    assert.strictEqual(ran.stored.length, 1)
  })

  it("C36 and the next event of the same batch makes the person", () => {
    const world = new World()
    world.batch(E("u", { set: { big: kb(700) } }), E("u", { set: { a: 1 } }))
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"a":1} u@0`])
  })

  it("C37 change nothing of a known person, with one warning; others are written", () => {
    const world = new World()
    world.batch(E("u", { set: { a: 1 } }), E("v"))
    const ran = world.batch(E("u", { set: { big: kb(700) } }), E("v", { set: { b: 1 } }))
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"a":1} u@0`, `P(v) v1 {"b":1} v@0`])
    assert.deepStrictEqual(
      ran.warnings.map(({ type }) => type),
      ["person_properties_size_violation"]
    )
    assert.strictEqual(ran.stored.length, 2)
  })

  it("C38 are trimmed where they stand since long ago", () => {
    const world = new World()
    world.batch(E("u"))
    const key = `1:${U("u")}`
    const given = { aa1: kb(200), aa2: kb(100), email: kb(200), zz: kb(200) }
    world.tables.persons.set(key, { ...world.tables.persons.get(key)!, json: JSON.stringify(given) })
    const ran = world.batch(E("u", { set: { n: 1 } }))
    assert.deepStrictEqual(Object.keys(world.properties("u") ?? {}), ["aa2", "email", "zz"])
    assert.strictEqual(world.person("u")?.version, 1)
    assert.deepStrictEqual(ran.warnings, [])
  })

  it("of which nothing may be taken away: the row stays, with a warning", () => {
    const world = new World()
    world.batch(E("u"))
    const key = `1:${U("u")}`
    world.tables.persons.set(key, { ...world.tables.persons.get(key)!, json: JSON.stringify({ email: kb(700) }) })
    const ran = world.batch(E("u", { set: { n: 1 } }))
    assert.deepStrictEqual([world.person("u")?.version, ran.messages, ran.stored.length], [0, [], 1])
    assert.deepStrictEqual(
      ran.warnings.map(({ type }) => type),
      ["person_properties_size_violation"]
    )
  })

  it("C46 cost the event that exceeds its changes, and no other", () => {
    const world = new World()
    world.batch(E("u", { set: { base: kb(600) } }))
    const ran = world.batch(E("u", { set: { x: 1 } }), E("u", { set: { big: kb(100) } }), E("u", { set: { y: 2 } }))
    assert.deepStrictEqual(Object.keys(world.properties("u") ?? {}), ["base", "x", "y"])
    assert.strictEqual(world.person("u")?.version, 1)
    assert.strictEqual(ran.warnings.length, 1)
    assert.deepStrictEqual(Object.keys(shown(ran.stored[2]!)), ["base", "x", "y"])
    assert.strictEqual(ran.stored.length, 3)
  })

  it("that the same batch takes back are none", () => {
    const world = new World()
    world.batch(E("u"))
    const ran = world.batch(E("u", { set: { big: kb(700) } }), E("u", { set: { a: 1 }, unset: ["big"] }))
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"a":1} u@0`])
    assert.deepStrictEqual(ran.warnings, [])
  })

  it("of a merge are not joined; the distinct ids are", () => {
    const world = new World()
    world.each(E("a", { set: { a: kb(400) } }), E("b", { set: { b: kb(400) } }))
    const ran = world.batch(I("a", "b", { set: { n: 1 } }))
    assert.deepStrictEqual(Object.keys(world.properties("a") ?? {}), ["a"])
    assert.deepStrictEqual([world.person("b")?.uuid, world.mapping("b")?.version], [U("a"), 1])
    assert.strictEqual(ran.warnings.length, 1)
  })

  it("C47 make the same dead letter at every redelivery, with the warning again", () => {
    const world = new World()
    const first = world.append(E("u", { set: { big: kb(700) } }))
    world.deliver([first])
    world.batch(E("u", { set: { a: 1 } }))
    const ran = world.deliver([first])
    assert.strictEqual(ran.letters.length, 1)
    assert.deepStrictEqual(ran.stored, [])
    assert.strictEqual(ran.warnings.length, 1)
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"a":1} u@0`])
  })
})

describe("a message that comes again", () => {
  it("C43 changes nothing; its event is emitted with the person as it is by then", () => {
    const world = new World()
    world.batch(E("u"))
    const first = world.append(E("u", { set: { k: 1 } }))
    world.deliver([first])
    world.batch(E("u", { set: { k: 2 } }))
    const ran = world.deliver([first])
    assert.deepStrictEqual(world.people(), [`P(u) v2 {"k":2} u@0`])
    assert.deepStrictEqual(ran.messages, [])
    assert.deepStrictEqual(ran.stored.map(shown), [{ k: 1 }])
  })

  it("C44 to a late owner undoes nothing of what the next one did", () => {
    const world = new World()
    const first = world.append(E("u", { set: { k: 1 } }))
    const { fold, work } = world.batchOf([first])
    world.deliver([first])
    world.batch(E("u", { set: { k: 2 } }))
    const { outbox } = Transaction.transact(world.tables, work, fold)
    assert.deepStrictEqual(outbox, [])
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"k":2} u@0`])
  })

  it("beside new ones is folded on a copy of its own", () => {
    const world = new World()
    const first = world.append(E("u", { set: { k: 1 } }))
    world.deliver([first])
    const second = world.append(E("u", { once: { k: 5 }, set: { l: 1 } }))
    const ran = world.deliver([first, second])
    assert.deepStrictEqual(world.people(), [`P(u) v1 {"k":1,"l":1} u@0`])
    assert.deepStrictEqual(ran.stored.map(shown), [{ k: 1 }, { k: 1, l: 1 }])
  })
})

describe("a person one of whose mappings somebody deleted by hand", () => {
  const start = () => {
    const world = new World()
    world.each(E("u", { set: { a: 1 } }), event("$merge_dangerously", "u", { alias: "v" }), E("w"))
    world.tables.mappings.delete("1:u")
    world.tables.owned.get(`1:${U("u")}`)?.delete("1:u")
    return world
  }

  it("gets it back with the next event of the distinct id", () => {
    const world = start()
    world.batch(E("u", { set: { b: 2 } }))
    assert.deepStrictEqual(world.people(), [`P(u) v2 id'd {"a":1,"b":2} u@1 v@1`, "P(w) v0 {} w@0"])
  })

  it("leaves it to the survivor when it is merged away in the same batch", () => {
    const world = start()
    world.batch(event("$merge_dangerously", "w", { alias: "v" }), E("u", { set: { b: 2 } }))
    assert.deepStrictEqual(world.people(), [`P(w) v2 id'd {"a":1,"b":2} u@1 v@2 w@0`])
  })
})
