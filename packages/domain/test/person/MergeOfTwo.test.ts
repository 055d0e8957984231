/** What a merge of two people makes of them (spec worker 3.5, 8.4). Named by the cases' ids. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import { aProject, type Draft, E, I, MD, minutes, T0 } from "./support/Events.ts"
import { type Ran, shown, World } from "./support/World.ts"

const U = (distinctId: string) => Uuid.personUuid(1, distinctId)
const types = (ran: Ran) => ran.warnings.map(({ type }) => type)
const refused = "cannot_merge_already_identified"
const illegal = "cannot_merge_with_illegal_distinct_id"

describe("a merge of two people", () => {
  it("D10 with one that has both already identifies it, and says so to ClickHouse", () => {
    const world = new World()
    world.each(E("alice"), E("anon-1"), MD("alice", "anon-1"))
    const key = `1:${U("alice")}`
    world.tables.persons.set(key, { ...world.tables.persons.get(key)!, isIdentified: false })
    assert.deepStrictEqual(world.told(world.batch(I("alice", "anon-1")).messages), ["PM alice v2"])
    assert.deepStrictEqual(world.batch(I("alice", "anon-1")).messages, [], "D11")
  })

  it("D12 takes the source's properties and the earlier birth, then the event's changes", () => {
    const world = new World()
    world.batch(E("alice", { set: { y: 3, z: 4, w: 5 } }, { timestamp: T0 + minutes(60) }))
    world.batch(E("anon-1", { set: { x: 1, y: 2 } }))
    const identify = I(
      "alice",
      "anon-1",
      { set: { w: 6, v: 7 }, once: { x: 8, u: 9 } },
      { timestamp: T0 + minutes(61) }
    )
    const ran = world.batch(identify)
    assert.deepStrictEqual(world.people(), [`P(alice) v1 id'd {"u":9,"v":7,"w":6,"x":1,"y":3,"z":4} alice@0 anon-1@1`])
    assert.strictEqual(world.person("alice")?.createdAt, T0)
    assert.deepStrictEqual(world.told(ran.messages), ["PM alice v1", "PM anon-1 v100 deleted", "DM anon-1→alice v1"])
    assert.deepStrictEqual(world.overrides(), ["anon-1→alice"])
    const again = world.batch(identify)
    assert.deepStrictEqual(again.messages, [], "D39")
  })

  it("D13 gets a version above both, the tombstone one far above", () => {
    const world = new World()
    const count = (distinctId: string, to: number) =>
      world.each(...Array.from({ length: to + 1 }, (_, n) => E(distinctId, { set: { n } })))
    count("anon-1", 7)
    count("alice", 2)
    const ran = world.batch(I("alice", "anon-1"))
    assert.deepStrictEqual(world.told(ran.messages), ["PM alice v8", "PM anon-1 v107 deleted", "DM anon-1→alice v1"])
  })

  it("D14 that is refused names all concerned in its warning", () => {
    const world = new World()
    world.each(I("anon-1", "anon-1-before"), E("alice"))
    const ran = world.batch(I("alice", "anon-1"))
    assert.deepStrictEqual(ran.warnings, [
      {
        team: 1,
        type: refused,
        details: {
          sourcePersonDistinctId: "anon-1",
          targetPersonDistinctId: "alice",
          distinctId: "alice",
          eventUuid: ran.stored[0]!.uuid,
          personId: U("alice"),
          otherPersonId: U("anon-1")
        }
      }
    ])
  })

  it("D20, D21 that is illegal names the first illegal id, the target's first", () => {
    const world = new World()
    const details = (draft: Draft) => {
      const { distinctId, illegalDistinctId, otherDistinctId } = world.batch(draft).warnings[0]!.details
      return [illegalDistinctId, otherDistinctId, distinctId]
    }
    assert.deepStrictEqual(details(I("anonymous", "x")), ["anonymous", "x", "anonymous"])
    assert.deepStrictEqual(details(I("alice", "null")), ["null", "alice", "alice"])
    assert.deepStrictEqual(details(I("guest", "null")), ["guest", "null", "guest"])
  })

  it("D40 stays within its team", () => {
    const world = new World()
    world.each(E("anon-1"), I("alice", "anon-1", {}, { project: aProject(2) }))
    assert.deepStrictEqual(world.people(1), ["P(anon-1) v0 {} anon-1@0"])
    assert.deepStrictEqual(world.people(2), ["P(alice) v0 id'd {} alice@0 anon-1@1"])
  })

  it("D53 keeps the target's flag override and takes the source's others", () => {
    const world = new World()
    world.each(E("t"), E("s"))
    world.tables.flags.set(
      `1:${U("s")}`,
      new Map([
        ["f1", "s"],
        ["f2", "s"]
      ])
    )
    world.tables.flags.set(`1:${U("t")}`, new Map([["f1", "t"]]))
    world.batch(I("t", "s"))
    assert.deepStrictEqual(
      [...world.tables.flags],
      [
        [
          `1:${U("t")}`,
          new Map([
            ["f1", "t"],
            ["f2", "s"]
          ])
        ]
      ]
    )
  })

  it("D54 points all cohort rows at the target", () => {
    const world = new World()
    world.each(E("t"), E("s"))
    world.tables.cohorts.set(`1:${U("s")}`, [1, 2])
    world.tables.cohorts.set(`1:${U("t")}`, [2])
    world.batch(I("t", "s"))
    assert.deepStrictEqual([...world.tables.cohorts], [[`1:${U("t")}`, [2, 1, 2]]])
  })

  it("D55 keeps the target's birth where that is earlier", () => {
    const world = new World()
    world.each(E("t"), E("s", {}, { timestamp: T0 + minutes(60) }), I("t", "s"))
    assert.strictEqual(world.person("s")?.createdAt, T0)
  })

  it("D56 keeps the target's last_seen_at", () => {
    const world = new World()
    world.each(E("t"), E("s", {}, { timestamp: T0 + minutes(120) }), I("t", "s"))
    assert.strictEqual(world.person("t")?.lastSeenAt, T0)
  })

  it("D57 with a distinct id that holds U+0000 or 401 code points is illegal", () => {
    for (const source of ["a\u0000b", "x".repeat(401)]) {
      const world = new World()
      assert.deepStrictEqual(types(world.batch(I("alice", source))), [illegal])
      assert.deepStrictEqual(world.people(), ["P(alice) v0 {} alice@0"])
    }
  })

  it("D60 twenty in one batch come to the same as one by one, row versions apart", () => {
    const sources = ["a", "b", "anonymous", "c", "d", "alice", "e", "x", "f", "a", "null", "g", "h", "b", "i", "y", "j"]
    const given = [
      E("a", { set: { k: 1 } }),
      E("c", { set: { k: 2, l: 1 } }),
      E("h", { once: { m: 1 } }),
      I("x", "x2"),
      E("y")
    ]
    const events = [...sources, "z", "a", "k"].map((source, n) =>
      I("alice", source, { set: { n }, once: { [`o${n % 3}`]: n } })
    )
    const [apart, together] = [new World(), new World()]
    for (const world of [apart, together]) world.each(...given)
    const one = apart.each(...events)
    const all = together.batch(...events)
    const plain = (world: World) => world.people().map((text) => text.replace(/ v\d+/, ""))
    assert.deepStrictEqual(plain(together), plain(apart))
    assert.deepStrictEqual(types(all), types(one))
    assert.deepStrictEqual(all.stored.map(shown), one.stored.map(shown))
  })
})
