/** The conformance cases of spec worker 8.4: people are joined. Named by their ids. */
import { assert, describe, it } from "@effect/vitest"
import * as Position from "@tributary/domain/event/Position"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as Merge from "@tributary/domain/person/Merge"
import { A, AL, aProject, type Draft, E, event, I, MD, minutes, T0 } from "./support/Events.ts"
import { type Ran, shown, World } from "./support/World.ts"

const U = (distinctId: string) => Uuid.personUuid(1, distinctId)
const types = (ran: Ran) => ran.warnings.map(({ type }) => type)
const refused = "cannot_merge_already_identified"
const illegal = "cannot_merge_with_illegal_distinct_id"

interface Case {
  readonly name: string
  /** Batches of one event each. */
  readonly given?: ReadonlyArray<Draft>
  /** Batches of one event each; or one batch. */
  readonly events: ReadonlyArray<Draft>
  readonly together?: boolean
  readonly people: ReadonlyArray<string>
  readonly told?: ReadonlyArray<string>
  readonly overrides?: ReadonlyArray<string>
  readonly warnings?: ReadonlyArray<string>
  /** The distinct id whose uuid the last event's person has. */
  readonly shows?: string
}

/** An event that leaves the distinct id's person identified without another distinct id of interest. */
const identified = (distinctId: string): ReadonlyArray<Draft> => [I(distinctId, `${distinctId}-before`)]

const cases: ReadonlyArray<Case> = [
  {
    name: "D01 neither is known: one person with both, born of the target",
    events: [I("alice", "anon-1", { set: { n: 1 } })],
    people: [`P(alice) v0 id'd {"n":1} alice@0 anon-1@1`],
    told: ["PM alice v0", "DM alice→alice v0", "DM anon-1→alice v1"],
    overrides: ["anon-1→alice"],
    shows: "alice"
  },
  {
    name: "D02 the source has personless events: the override mends them",
    given: [A("anon-1")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v0 id'd {} alice@0 anon-1@1"],
    told: ["PM alice v0", "DM alice→alice v0", "DM anon-1→alice v1"],
    overrides: ["anon-1→alice"]
  },
  {
    name: "D03 the target has personless events: they need none",
    given: [A("alice")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v0 id'd {} alice@0 anon-1@1"],
    overrides: ["anon-1→alice"]
  },
  {
    name: "D04 both have personless events",
    given: [A("alice"), A("anon-1")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v0 id'd {} alice@0 anon-1@1"],
    overrides: ["anon-1→alice"]
  },
  {
    name: "D05 only the source is known: the target is attached to it",
    given: [E("anon-1")],
    events: [I("alice", "anon-1")],
    people: ["P(anon-1) v1 id'd {} alice@1 anon-1@0"],
    told: ["PM anon-1 v1", "DM alice→anon-1 v1"],
    overrides: ["alice→anon-1"],
    shows: "anon-1"
  },
  {
    name: "D06 only the target is known: the source is attached to it",
    given: [E("alice")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v1 id'd {} alice@0 anon-1@1"],
    told: ["PM alice v1", "DM anon-1→alice v1"],
    overrides: ["anon-1→alice"]
  },
  {
    name: "D07 only the target is known, the source has personless events",
    given: [E("alice"), A("anon-1")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v1 id'd {} alice@0 anon-1@1"],
    overrides: ["anon-1→alice"]
  },
  {
    name: "D08 only the source is known, the target has personless events",
    given: [E("anon-1"), A("alice")],
    events: [I("alice", "anon-1")],
    people: ["P(anon-1) v1 id'd {} alice@1 anon-1@0"],
    overrides: ["alice→anon-1"]
  },
  {
    name: "D09 the guard does not keep a new distinct id from an identified person",
    given: [E("anon-1"), I("anon-1", "x")],
    events: [I("carol", "anon-1")],
    people: ["P(anon-1) v1 id'd {} anon-1@0 carol@1 x@1"]
  },
  {
    name: "D10 one person has both: it is identified",
    given: [I("alice", "anon-1")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v0 id'd {} alice@0 anon-1@1"],
    told: []
  },
  {
    name: "D14 the source is identified: both stay, the target is identified and changed",
    given: [...identified("anon-1"), E("alice")],
    events: [I("alice", "anon-1", { set: { a: 1 } })],
    people: [`P(alice) v1 id'd {"a":1} alice@0`, "P(anon-1) v0 id'd {} anon-1-before@1 anon-1@0"],
    warnings: [refused],
    shows: "alice"
  },
  {
    name: "D15 an alias is as restricted",
    given: [...identified("anon-1"), E("alice")],
    events: [AL("alice", "anon-1", { set: { a: 1 } })],
    people: [`P(alice) v1 id'd {"a":1} alice@0`, "P(anon-1) v0 id'd {} anon-1-before@1 anon-1@0"],
    warnings: [refused]
  },
  {
    name: "D16 a dangerous merge is not",
    given: [...identified("anon-1"), E("alice")],
    events: [MD("alice", "anon-1")],
    people: ["P(alice) v1 id'd {} alice@0 anon-1-before@2 anon-1@1"],
    told: ["PM alice v1", "PM anon-1 v100 deleted", "DM anon-1→alice v1", "DM anon-1-before→alice v2"],
    overrides: ["anon-1-before→alice", "anon-1→alice"]
  },
  {
    name: "D17 that the target is identified does not matter",
    given: [...identified("alice"), E("anon-1")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v1 id'd {} alice-before@1 alice@0 anon-1@1"]
  },
  {
    name: "D18 both are identified: refused",
    given: [...identified("alice"), ...identified("anon-1")],
    events: [I("alice", "anon-1")],
    people: ["P(alice) v0 id'd {} alice-before@1 alice@0", "P(anon-1) v0 id'd {} anon-1-before@1 anon-1@0"],
    told: [],
    warnings: [refused]
  },
  {
    name: "D18 both are identified: merged, dangerously",
    given: [...identified("alice"), ...identified("anon-1")],
    events: [MD("alice", "anon-1")],
    people: ["P(alice) v1 id'd {} alice-before@1 alice@0 anon-1-before@2 anon-1@1"]
  },
  {
    name: "D19 with itself: an ordinary event",
    events: [I("alice", "alice", { set: { a: 1 } })],
    people: [`P(alice) v0 {"a":1} alice@0`]
  },
  {
    name: "D20 an illegal target: an ordinary event, with a warning",
    events: [I("anonymous", "x")],
    people: ["P(anonymous) v0 {} anonymous@0"],
    warnings: [illegal]
  },
  {
    name: "D21 an illegal source: an ordinary event, with a warning",
    events: [I("alice", "null")],
    people: ["P(alice) v0 {} alice@0"],
    warnings: [illegal]
  },
  {
    name: "D22 null as a source is its text, and illegal",
    events: [I("alice", null)],
    people: ["P(alice) v0 {} alice@0"],
    warnings: [illegal]
  },
  ...[
    "0",
    "NaN",
    "None",
    "undefined",
    "  ",
    "distinctId",
    "DistinctID",
    "GUEST",
    '"email"',
    "'True'",
    "[object Object]"
  ].map(
    (source): Case => ({
      name: `D23 ${JSON.stringify(source)} is illegal`,
      events: [I("alice", source)],
      people: ["P(alice) v0 {} alice@0"],
      warnings: [illegal]
    })
  ),
  ...["Nan", "NULL", "NONE", "00", " null ", "None ", "ids", "anonymous1"].map(
    (source): Case => ({
      name: `D24 ${JSON.stringify(source)} is legal`,
      events: [I("alice", source)],
      people: [`P(alice) v0 id'd {} ${[`alice@0`, `${source}@1`].sort().join(" ")}`]
    })
  ),
  {
    name: "D25 illegal ids have people of their own",
    events: [E("NaN"), E("0"), E("undefined")],
    people: ["P(0) v0 {} 0@0", "P(NaN) v0 {} NaN@0", "P(undefined) v0 {} undefined@0"]
  },
  {
    name: "D26 an alias that is missing, empty or 0 merges nothing",
    events: [event("$create_alias", "alice"), AL("alice", ""), AL("alice", 0)],
    people: ["P(alice) v0 {} alice@0"]
  },
  {
    name: "D28 an alias of two unknowns",
    events: [AL("alice", "old")],
    people: ["P(alice) v0 id'd {} alice@0 old@1"]
  },
  {
    name: "D29 an alias of two people: the target's properties win",
    given: [E("new", { set: { k: 1 } }), E("old", { set: { k: 2, j: 3 } })],
    events: [AL("new", "old")],
    people: [`P(new) v1 id'd {"j":3,"k":1} new@0 old@1`],
    told: ["PM new v1", "PM old v100 deleted", "DM old→new v1"]
  },
  {
    name: "D30 a second alias is attached",
    events: [AL("new", "old1"), AL("new", "old2")],
    people: ["P(new) v0 id'd {} new@0 old1@1 old2@1"]
  },
  {
    name: "D31 an alias in the other direction is attached to an identified person",
    events: [AL("new", "old"), AL("old2", "new")],
    people: ["P(new) v0 id'd {} new@0 old2@1 old@1"]
  },
  {
    name: "D32 two anonymous people become one, one after the other",
    events: [E("a1"), I("alice", "a1"), E("a2"), I("alice", "a2")],
    people: ["P(a1) v2 id'd {} a1@0 a2@1 alice@1"],
    overrides: ["a2→a1", "alice→a1"]
  },
  {
    name: "D33 one anonymous id for two names: the second is attached",
    events: [E("a1"), I("alice", "a1"), I("bob", "a1")],
    people: ["P(a1) v1 id'd {} a1@0 alice@1 bob@1"]
  },
  {
    name: "D34 one anonymous id for two names of which the second has a person: refused",
    events: [E("a1"), I("alice", "a1"), E("bob"), I("bob", "a1")],
    people: ["P(a1) v1 id'd {} a1@0 alice@1", "P(bob) v1 id'd {} bob@0"],
    warnings: [refused]
  },
  {
    name: "D35 in one batch, the anonymous events first",
    events: [E("a1"), I("alice", "a1"), E("a1"), E("alice")],
    together: true,
    people: ["P(a1) v0 id'd {} a1@0 alice@1"]
  },
  {
    name: "D35 in one batch, the other group first",
    events: [E("alice"), E("a1"), I("alice", "a1"), E("a1")],
    together: true,
    people: ["P(alice) v1 id'd {} a1@1 alice@0"]
  },
  {
    name: "D36 two merges into one person in one batch",
    given: [E("a"), E("b"), E("c")],
    events: [MD("a", "b"), MD("a", "c")],
    together: true,
    people: ["P(a) v1 id'd {} a@0 b@1 c@1"],
    told: ["PM a v1", "PM b v100 deleted", "PM c v100 deleted", "DM b→a v1", "DM c→a v1"]
  },
  {
    name: "D37 a chain of merges moves the first twice",
    given: [E("a"), E("b"), E("c")],
    events: [MD("a", "b"), MD("c", "a")],
    people: ["P(c) v2 id'd {} a@1 b@2 c@0"]
  },
  {
    name: "D37 and in one batch as well",
    given: [E("a"), E("b"), E("c")],
    events: [MD("a", "b"), MD("c", "a")],
    together: true,
    people: ["P(c) v1 id'd {} a@1 b@2 c@0"],
    told: ["PM c v1", "PM b v100 deleted", "PM a v100 deleted", "DM b→c v2", "DM a→c v1"]
  },
  {
    name: "D38 the moved distinct id's events are the survivor's",
    given: [E("alice"), E("anon-1"), I("alice", "anon-1")],
    events: [E("anon-1")],
    people: ["P(alice) v1 id'd {} alice@0 anon-1@1"],
    shows: "alice"
  },
  {
    name: "D58 what the source got in the same batch is kept",
    given: [E("anon-1"), E("alice")],
    events: [E("anon-1", { set: { q: 1 } }), I("alice", "anon-1")],
    together: true,
    people: [`P(alice) v1 id'd {"q":1} alice@0 anon-1@1`],
    told: ["PM alice v1", "PM anon-1 v100 deleted", "DM anon-1→alice v1"]
  },
  {
    name: "D58 in the other order the event meets the survivor",
    given: [E("anon-1"), E("alice")],
    events: [I("alice", "anon-1"), E("anon-1", { set: { q: 1 } })],
    together: true,
    people: [`P(alice) v1 id'd {"q":1} alice@0 anon-1@1`]
  },
  {
    name: "D59 an $unset takes from the survivor what the source had",
    given: [E("alice"), E("anon-1", { set: { k: 1 } })],
    events: [I("alice", "anon-1", { unset: ["k"] })],
    people: ["P(alice) v1 id'd {} alice@0 anon-1@1"]
  },
  {
    name: "beyond the cases: a person born and merged away in one batch is never stored; its mapping counts the move",
    events: [E("b", { set: { k: 1 } }), E("a"), MD("a", "b")],
    together: true,
    people: [`P(a) v1 id'd {"k":1} a@0 b@1`],
    told: ["PM a v1", "DM b→a v1", "DM a→a v0"]
  }
]

describe("two distinct ids", () => {
  for (const { events, given = [], name, overrides, people, shows, together, told, warnings = [] } of cases) {
    it(name, () => {
      const world = new World()
      world.each(...given)
      const ran = together === true ? world.batch(...events) : world.each(...events)
      assert.deepStrictEqual(world.people(), people)
      if (told !== undefined) assert.deepStrictEqual(world.told(ran.messages), told)
      if (overrides !== undefined) assert.deepStrictEqual(world.overrides(), overrides)
      assert.deepStrictEqual(types(ran), warnings)
      assert.strictEqual(ran.stored.length, events.length)
      if (shows !== undefined) assert.strictEqual(ran.stored.at(-1)?.person.uuid, U(shows))
      for (const { person } of ran.stored) assert.strictEqual(person.mode, "full")
    })
  }
})

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
    world.each(...identified("anon-1"), E("alice"))
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

describe("a merge over the limit of distinct ids", () => {
  const start = () => {
    const world = new World({ settings: { mergeMoveLimit: 2 } })
    world.each(E("anon-1"), MD("anon-1", "anon-2"), MD("anon-1", "anon-3"), E("alice"))
    const key = `1:${U("anon-1")}`
    world.tables.persons.set(key, { ...world.tables.persons.get(key)!, isIdentified: false })
    return world
  }
  const detach = (world: World, distinctId: string) => {
    world.tables.mappings.delete(`1:${distinctId}`)
    world.tables.owned.get(`1:${U("anon-1")}`)?.delete(`1:${distinctId}`)
  }

  it("D41 is a dead letter, and changes nothing", () => {
    const world = start()
    const before = world.people()
    const ran = world.batch(I("alice", "anon-1", { set: { a: 1 } }))
    assert.deepStrictEqual(
      ran.letters.map(({ reason }) => reason),
      ["Merge limit exceeded"]
    )
    assert.deepStrictEqual(world.people(), before)
    assert.deepStrictEqual([ran.stored, ran.messages], [[], []])
  })

  it("D42 is not one at exactly the limit", () => {
    const world = start()
    detach(world, "anon-3")
    assert.deepStrictEqual(world.batch(I("alice", "anon-1")).letters, [])
    assert.deepStrictEqual(world.people(), ["P(alice) v2 id'd {} alice@0 anon-1@1 anon-2@2"])
  })

  it("counts the distinct ids that the source gets in the same batch", () => {
    const world = start()
    detach(world, "anon-3")
    const ran = world.batch(MD("anon-1", "anon-4"), MD("alice", "anon-1"))
    assert.strictEqual(ran.letters.length, 1)
    assert.deepStrictEqual(world.mapping("anon-4")?.person, U("anon-1"))
  })

  it("D61 is a dead letter again, however many there are by then", () => {
    const world = start()
    const identify = world.append(I("alice", "anon-1"))
    world.deliver([identify])
    detach(world, "anon-3")
    const before = world.people()
    const ran = world.deliver([identify])
    assert.deepStrictEqual(
      ran.letters.map(({ reason }) => reason),
      ["Merge limit exceeded"]
    )
    assert.deepStrictEqual([world.people(), ran.stored], [before, []])
  })

  it("is no dead letter at a redelivery when it was none at first", () => {
    const world = start()
    detach(world, "anon-3")
    const identify = world.append(MD("alice", "anon-1"))
    world.deliver([identify])
    world.each(E("z"), MD("alice", "b"), MD("alice", "c"))
    const other = world.append(MD("z", "alice"))
    assert.strictEqual(world.deliver([other]).letters.length, 1)
    assert.deepStrictEqual(world.deliver([identify]).letters, [])
  })
})

describe("a merge over the limit, beyond the cases,", () => {
  const settings = { mergeMoveLimit: 2 }
  const letters = (ran: Ran) => ran.letters.map(({ reason }) => reason)

  it("counts what a merge of the same batch has brought the source", () => {
    const world = new World({ settings })
    world.each(E("a"), MD("a", "a2"), E("b"), E("c"))
    assert.deepStrictEqual(letters(world.batch(MD("b", "a"), MD("c", "b"))), ["Merge limit exceeded"])
    assert.deepStrictEqual(world.people(), ["P(b) v2 id'd {} a2@2 a@1 b@0", "P(c) v0 {} c@0"])
  })

  it("is no dead letter at a redelivery, whatever the source owns by then", () => {
    const world = new World({ settings })
    world.each(E("a"), E("b"))
    const merge = world.append(MD("b", "a"))
    world.deliver([merge])
    world.deletePerson("a")
    world.each(MD("a", "a2"), MD("a", "a3"), E("b"))
    assert.deepStrictEqual(letters(world.deliver([merge])), [])
    assert.deepStrictEqual(letters(world.batch(MD("b", "a"))), ["Merge limit exceeded"])
  })
})

describe("a race with other workers", () => {
  const start = () => {
    const world = new World()
    world.each(E("anon-1"), E("alice"))
    const taken = world.append(MD("alice", "anon-1"), 1)
    world.batchOf([taken]).fold(world.snapshot([taken]))
    return { world, taken }
  }

  it("D46 for the source: its new owner is merged", () => {
    const { taken, world } = start()
    world.each(E("z"), MD("z", "anon-1"))
    world.deliver([taken])
    assert.deepStrictEqual(world.people(), ["P(alice) v2 id'd {} alice@0 anon-1@2 z@1"])
  })

  it("D47 for a source that has no person any more: it is attached", () => {
    const { taken, world } = start()
    world.deletePerson("anon-1")
    world.deliver([taken])
    assert.deepStrictEqual(world.people(), ["P(alice) v1 id'd {} alice@0 anon-1@102"])
  })

  it("D48 for the source's distinct ids: a newcomer is moved too", () => {
    const { taken, world } = start()
    world.batch(MD("anon-1", "late"))
    world.deliver([taken])
    assert.deepStrictEqual(world.people(), ["P(alice) v2 id'd {} alice@0 anon-1@1 late@2"])
  })

  it("D49 for the target: its new owner is the survivor", () => {
    const { taken, world } = start()
    world.each(E("z"), MD("z", "alice"))
    world.deliver([taken])
    assert.deepStrictEqual(world.people(), ["P(z) v2 id'd {} alice@1 anon-1@1 z@0"])
  })

  it("D50 for a distinct id: it is attached once", () => {
    const world = new World()
    world.batch(E("alice"))
    const taken = world.append(I("alice", "anon-1"), 1)
    world.batchOf([taken]).fold(world.snapshot([taken]))
    world.batch(I("alice", "anon-1"))
    world.deliver([taken])
    assert.deepStrictEqual(world.people(), ["P(alice) v1 id'd {} alice@0 anon-1@1"])
  })
})

describe("a merge that is left out", () => {
  const start = (reason: string) => {
    const world = new World()
    world.each(E("anon-1", { set: { of: "anon-1" } }), E("alice"))
    const identify = world.append(I("alice", "anon-1", { set: { a: 1 } }))
    const ran = world.deliver([identify], { withoutMerge: new Map([[Position.key(identify.at), reason]]) })
    return { world, identify, ran }
  }
  const apart = [`P(alice) v1 {"a":1} alice@0`, `P(anon-1) v0 {"of":"anon-1"} anon-1@0`]

  it("D51 because of an error: its event is an ordinary one", () => {
    const { ran, world } = start("error")
    assert.deepStrictEqual(world.people(), apart)
    assert.deepStrictEqual([ran.stored.length, types(ran)], [1, []])
  })

  it("D52 because of conflicts: the same, with a warning", () => {
    const { ran, world } = start(Merge.conflict)
    assert.deepStrictEqual(world.people(), apart)
    assert.deepStrictEqual(types(ran), ["merge_race_condition"])
    const { otherPersonId, personId } = ran.warnings[0]!.details
    assert.deepStrictEqual([personId, otherPersonId], [U("alice"), U("anon-1")])
  })

  it("D62 stays left out at every redelivery", () => {
    const { identify, world } = start(Merge.conflict)
    const ran = world.deliver([identify])
    assert.deepStrictEqual(world.people(), apart)
    assert.deepStrictEqual([ran.messages, ran.stored[0]?.person.uuid], [[], U("alice")])
    assert.deepStrictEqual(ran.stored.map(shown), [{ a: 1 }])
    assert.deepStrictEqual(types(ran), ["merge_race_condition"])
  })
})
