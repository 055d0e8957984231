/** The conformance cases of spec worker 8.6: groups. Named by their ids. */
import { assert, describe, it } from "@effect/vitest"
import type { ProcessedEvent } from "@tributary/domain/event/Event"
import type { Properties } from "@tributary/domain/event/Properties"
import { A, aProject, type Draft, E, event, GI, minutes, T0 } from "../person/support/Events.ts"
import { World } from "../person/support/World.ts"

const groups = (world: World) =>
  [...world.tables.groups.values()].map(
    ({ index, json, key, team, version }) => `${team}:${index}:${key} v${version} ${json}`
  )

const slots = (stored: ProcessedEvent | undefined): Properties =>
  Object.fromEntries(Object.entries(stored?.properties ?? {}).filter(([name]) => /^\$group_\d/.test(name)))

const fiveTypes = (world: World) => world.batch(E("u", { $groups: { a: 1, b: 1, c: 1, d: 1, e: 1 } }))

describe("$groups", () => {
  it("F01, F02 shows each group in the slot of its type", () => {
    const world = new World()
    assert.deepStrictEqual(slots(world.batch(E("u", { $groups: { org: "acme" } })).stored[0]), { $group_0: "acme" })
    const second = world.batch(E("u", { $groups: { proj: "p1", org: "acme" } }))
    assert.deepStrictEqual(slots(second.stored[0]), { $group_0: "acme", $group_1: "p1" })
    assert.deepStrictEqual(groups(world), [])
  })

  it("F03 leaves a sixth type where it is, silently", () => {
    const world = new World()
    fiveTypes(world)
    const ran = world.batch(E("u", { $groups: { sixth: "z" } }))
    assert.deepStrictEqual([slots(ran.stored[0]), ran.warnings], [{}, []])
    assert.deepStrictEqual(ran.stored[0]?.properties["$groups"], { sixth: "z" })
  })

  it("F04 is ignored when it is no object", () => {
    const world = new World()
    for (const $groups of ["acme", ["a"], null]) {
      const ran = world.batch(E("u", { $groups }))
      assert.deepStrictEqual(ran.stored[0]?.properties, { $groups })
    }
  })

  it("F05 keeps keys as they were sent", () => {
    assert.deepStrictEqual(slots(new World().batch(E("u", { $groups: { org: 42 } })).stored[0]), { $group_0: 42 })
  })

  it("F19 leaves a slot alone that the client filled", () => {
    const world = new World()
    assert.deepStrictEqual(slots(world.batch(E("u", { $group_3: "x" })).stored[0]), { $group_3: "x" })
    const both = world.batch(E("u", { $group_0: "x", $group_3: "y", $groups: { org: "acme" } }))
    assert.deepStrictEqual(slots(both.stored[0]), { $group_0: "acme", $group_3: "y" })
  })
})

interface Case {
  readonly name: string
  readonly batches: ReadonlyArray<ReadonlyArray<Draft>>
  readonly groups: ReadonlyArray<string>
  readonly told?: ReadonlyArray<string>
  readonly warnings?: ReadonlyArray<string>
}

const made = GI("org", "acme", { plan: "pro" })

const cases: ReadonlyArray<Case> = [
  { name: "F06 makes a group", batches: [[made]], groups: [`1:0:acme v1 {"plan":"pro"}`], told: ["GM 0 acme v1"] },
  {
    name: "F07 changes a group",
    batches: [[made], [GI("org", "acme", { plan: "free", n: 1 })]],
    groups: [`1:0:acme v2 {"plan":"free","n":1}`],
    told: ["GM 0 acme v1", "GM 0 acme v2"]
  },
  {
    name: "F08 writes nothing that is there already",
    batches: [[made], [made]],
    groups: [`1:0:acme v1 {"plan":"pro"}`],
    told: ["GM 0 acme v1"]
  },
  {
    name: "F09 looks into objects",
    batches: [
      [GI("org", "acme", { o: { x: 1, y: [1, { z: 2 }] } })],
      [GI("org", "acme", { o: { y: [1, { z: 2 }], x: 1 } })]
    ],
    groups: [`1:0:acme v1 {"o":{"x":1,"y":[1,{"z":2}]}}`]
  },
  {
    name: "F10 makes a group without properties",
    batches: [[GI("org", "acme", null)], [GI("org", "other")]],
    groups: ["1:0:acme v1 {}", "1:0:other v1 {}"]
  },
  ...["x", 3, [1]].map(
    (set): Case => ({
      name: `F11 makes none of ${JSON.stringify(set)}, with a warning`,
      batches: [[GI("org", "acme", set)]],
      groups: [],
      told: [],
      warnings: ["invalid_group_set"]
    })
  ),
  {
    name: "F12 makes none without a type or a key",
    batches: [[GI("", "acme", {}), GI("org", "", {}), GI(null, "acme", {}), event("$groupidentify", "u")]],
    groups: [],
    told: []
  },
  {
    name: "F15 makes one row of many changes in a batch",
    batches: [Array.from({ length: 150 }, (_, i) => GI("org", "acme", { n: i + 1 }))],
    groups: [`1:0:acme v1 {"n":150}`],
    told: ["GM 0 acme v1"]
  },
  {
    name: "F16 tells types apart that share a key",
    batches: [[GI("org", "k", { a: 1 }), GI("proj", "k", { b: 2 })]],
    groups: [`1:0:k v1 {"a":1}`, `1:1:k v1 {"b":2}`]
  },
  {
    name: "takes a number for a key as its text",
    batches: [[GI("org", 42, { a: 1 })], [GI("org", "42", { b: 2 })]],
    groups: [`1:0:42 v2 {"a":1,"b":2}`]
  },
  {
    name: "does nothing when personless (V-6)",
    batches: [[A("u", { $group_type: "org", $group_key: "acme" }), { ...made, personProcessing: "off" }]],
    groups: [],
    told: []
  },
  {
    name: "writes nothing that its batch takes back",
    batches: [[made], [GI("org", "acme", { plan: "free" }), made]],
    groups: [`1:0:acme v1 {"plan":"pro"}`]
  }
]

describe("$groupidentify", () => {
  for (const { batches, groups: expected, name, told, warnings = [] } of cases) {
    it(name, () => {
      const world = new World()
      const runs = batches.map((batch) => world.batch(...batch))
      assert.deepStrictEqual(groups(world), expected)
      const messages = world.told(runs.flatMap((ran) => ran.messages)).filter((text) => text.startsWith("GM"))
      if (told !== undefined) assert.deepStrictEqual(messages, told)
      assert.deepStrictEqual(
        runs.flatMap((ran) => ran.warnings.map(({ type }) => type)),
        warnings
      )
      assert.strictEqual(runs.flatMap((ran) => ran.stored).length, batches.flat().length)
    })
  }

  it("F06 keeps its three keys on the event", () => {
    const { properties } = new World().batch(made).stored[0]!
    assert.deepStrictEqual(properties, { $group_type: "org", $group_key: "acme", $group_set: { plan: "pro" } })
  })

  it("F11 says in its warning what it got, keyed by the group", () => {
    const world = new World()
    const [warning] = world.batch(GI("org", "acme", [1])).warnings
    assert.deepStrictEqual(warning, {
      team: 1,
      type: "invalid_group_set",
      details: {
        eventUuid: world.log[0]?.uuid,
        distinctId: "u",
        groupType: "org",
        groupKey: "acme",
        receivedType: "array"
      },
      key: "acme"
    })
  })

  it("F13, F14 never changes a person, but makes one", () => {
    const world = new World()
    world.batch(E("u", { set: { a: 1 } }))
    world.batch(GI("org", "acme", {}, { set: { a: 2 } }), {
      ...GI("org", "acme", {}, { set: { a: 2 } }),
      distinctId: "v"
    })
    assert.deepStrictEqual(world.people(), [`P(u) v0 {"a":1} u@0`, "P(v) v0 {} v@0"])
  })

  it("makes no group of a sixth type", () => {
    const world = new World()
    fiveTypes(world)
    const ran = world.batch(GI("sixth", "acme", { a: 1 }))
    assert.deepStrictEqual([groups(world), ran.messages, ran.stored.length], [[], [], 1])
  })

  it("F17, F18 is folded again over what another worker wrote meanwhile", () => {
    const world = new World()
    const late = world.append(GI("org", "acme", { a: 1 }), 1)
    world.register([late])
    world.batchOf([late]).fold(world.snapshot([late]))
    world.batch(GI("org", "acme", { b: 2 }))
    world.deliver([late])
    assert.deepStrictEqual(groups(world), [`1:0:acme v2 {"b":2,"a":1}`])
  })

  it("F20 dates a group by the event, but never later than its receipt", () => {
    const world = new World()
    world.batch({ ...GI("org", "early"), timestamp: T0 - minutes(60), receivedAt: T0 })
    world.batch({ ...GI("org", "late"), timestamp: T0 + minutes(60), receivedAt: T0 })
    assert.deepStrictEqual(
      [...world.tables.groups.values()].map(({ createdAt }) => createdAt),
      [T0 - minutes(60), T0]
    )
  })

  it("F21 shares types between the teams of a project, and no groups", () => {
    const world = new World()
    const project = aProject(2, { projectId: 1 })
    world.batch(GI("other", "x"), made, { ...made, project })
    assert.deepStrictEqual(groups(world), ["1:0:x v1 {}", `1:1:acme v1 {"plan":"pro"}`, `2:1:acme v1 {"plan":"pro"}`])
  })

  it("F23 that comes again changes nothing", () => {
    const world = new World()
    const first = world.append(GI("org", "acme", { n: 1 }))
    world.deliver([first])
    world.batch(GI("org", "acme", { n: 2 }))
    const ran = world.deliver([first])
    assert.deepStrictEqual([groups(world), ran.messages, ran.stored.length], [[`1:0:acme v2 {"n":2}`], [], 1])
  })
})

it("types are registered by personful events only, and by a $groupidentify that makes a group", () => {
  const world = new World()
  world.batch(
    A("u", { $groups: { a: 1 } }),
    GI("b", "", {}),
    GI("c", "k", 3),
    event("$$plugin_metrics", "u", { $groups: { d: 1 } }),
    E("u", { $groups: { ["e".repeat(401)]: 1, f: 1 } })
  )
  assert.deepStrictEqual(
    ["a", "b", "c", "d", "e".repeat(401), "f"].map((type) => world.groupTypes(1, type)),
    [undefined, undefined, undefined, undefined, undefined, 0]
  )
})
