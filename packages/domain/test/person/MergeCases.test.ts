/** The conformance cases of spec worker 8.4 that tell who is joined with whom. Named by their ids. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import { A, AL, type Draft, E, event, I, MD } from "./support/Events.ts"
import { type Ran, World } from "./support/World.ts"

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
