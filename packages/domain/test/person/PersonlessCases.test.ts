/** The conformance cases of spec worker 8.5: events without person processing. Named by their ids. */
import { assert, describe, it } from "@effect/vitest"
import type { EventPerson, PersonMode } from "@tributary/domain/event/Event"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as Fold from "@tributary/domain/person/Fold"
import { defaults } from "@tributary/domain/person/Settings"
import { A, aProject, E, event, I, MD, minutes, T0 } from "./support/Events.ts"
import { World } from "./support/World.ts"

const U = (distinctId: string) => Uuid.personUuid(1, distinctId)
const nobody = (distinctId: string): EventPerson => ({
  uuid: U(distinctId),
  properties: {},
  createdAt: 5_000,
  mode: "propertyless"
})
const late = (ms: number) => ({ timestamp: T0 + ms })

describe("a personless event", () => {
  it("E01 has the uuid that its distinct id would give, and needs no transaction", () => {
    const world = new World()
    const ran = world.batch(A("d"))
    assert.deepStrictEqual(ran.stored[0]?.person, nobody("d"))
    assert.deepStrictEqual([world.people(), ran.messages], [[], []])
    assert.isFalse(Fold.needsTransaction(world.log, defaults))
    const work = world.batchOf(world.log).work
    assert.deepStrictEqual([work.names, work.looks, work.groups], [[], [], []])
  })

  it("E02 has the same as others of its distinct id", () => {
    const ran = new World().batch(A("d"), A("d"), A("d"))
    assert.deepStrictEqual(new Set(ran.stored.map(({ person }) => person.uuid)), new Set([U("d")]))
  })

  it("E03 does not see a person", () => {
    const world = new World()
    world.batch(E("d"))
    const before = world.people()
    const ran = world.each(A("d", {}, late(30_000)), A("d", {}, late(minutes(60))))
    assert.deepStrictEqual(
      ran.stored.map(({ person }) => person),
      [nobody("d"), nobody("d")]
    )
    assert.deepStrictEqual(world.people(), before)
  })

  it("E03 and is not in the way of one in the same batch", () => {
    const world = new World()
    const ran = world.batch(E("d"), A("d"))
    assert.deepStrictEqual(ran.stored[1]?.person, nobody("d"))
    assert.deepStrictEqual(world.people(), ["P(d) v0 {} d@0"])
  })

  it("E07 is its person's once there is one: no override is needed", () => {
    const world = new World()
    const ran = world.each(A("d"), E("d"))
    assert.deepStrictEqual(world.people(), ["P(d) v0 {} d@0"])
    assert.deepStrictEqual(world.overrides(), [])
    assert.strictEqual(ran.stored[0]?.person.uuid, world.person("d")?.uuid)
  })

  it("E08, E11 is led to its person by the override when the distinct id went to another", () => {
    const world = new World()
    const ran = world.each(A("anon-1"), E("alice"), I("alice", "anon-1"), A("anon-1", {}, late(minutes(60))))
    assert.deepStrictEqual([ran.stored[0]?.person, ran.stored[3]?.person], [nobody("anon-1"), nobody("anon-1")])
    assert.deepStrictEqual(world.overrides(), ["anon-1→alice"])
  })

  it("E06, E09 changes nothing of a person", () => {
    const world = new World()
    world.batch(E("d", { set: { p: "v" } }))
    world.each(A("d", { unset: ["p"] }), A("d", { set: { p: "w", a: 1 } }, late(minutes(60))))
    assert.deepStrictEqual(world.people(), [`P(d) v0 {"p":"v"} d@0`])
  })

  it("E10 belongs to no group", () => {
    const world = new World()
    const ran = world.batch(A("d", { $groups: { org: "acme" }, $group_0: "x", $group_4: "y", $group_5: "z" }))
    assert.deepStrictEqual(ran.stored[0]?.properties, {
      $groups: { org: "acme" },
      $group_5: "z",
      $process_person_profile: false
    })
    assert.isUndefined(world.groupTypes(1, "org"))
  })

  it("E12 forced off looks at nobody, even with the upgrade, and merges nothing", () => {
    const world = new World({ settings: { personlessUpgrade: true } })
    world.batch(E("d"))
    const forced = { processing: "forced_off", timestamp: T0 + minutes(60) } as const
    const ran = world.batch(event("$identify", "d", { $anon_distinct_id: "x" }, forced))
    assert.deepStrictEqual(ran.stored[0]?.person, nobody("d"))
    assert.isFalse(Fold.needsTransaction([world.log.at(-1)!], world.settings))
    assert.deepStrictEqual(world.people(), ["P(d) v0 {} d@0"])
  })

  it("E17 is led right when both distinct ids of a merge had personless events", () => {
    const world = new World()
    world.each(A("d1"), A("d2"), MD("d1", "d2"))
    assert.deepStrictEqual(world.people(), ["P(d1) v0 id'd {} d1@0 d2@1"])
    assert.deepStrictEqual(world.overrides(), ["d2→d1"])
  })
})

describe("with PERSONLESS_UPGRADE, a personless event", () => {
  const settings = { personlessUpgrade: true }
  const rows: ReadonlyArray<readonly [string, number, PersonMode]> = [
    ["E03u half a minute younger than its person has no part in it", 30_000, "propertyless"],
    ["E04 a minute younger has none either", 60_000, "propertyless"],
    ["E05 more than a minute younger has", 60_001, "force_upgrade"],
    ["E06 an hour younger has, and changes nothing", minutes(60), "force_upgrade"]
  ]
  for (const [name, age, mode] of rows) {
    it(name, () => {
      const world = new World({ settings })
      world.batch(E("d"))
      const ran = world.batch(A("d", { set: { a: 1 } }, late(age)))
      assert.deepStrictEqual(ran.stored[0]?.person, { uuid: U("d"), properties: {}, createdAt: T0, mode })
      assert.deepStrictEqual(world.people(), ["P(d) v0 {} d@0"])
    })
  }

  it("is nobody's where there is no person", () => {
    const world = new World({ settings })
    assert.deepStrictEqual(world.batch(A("d")).stored[0]?.person, nobody("d"))
    assert.deepStrictEqual(world.people(), [])
  })

  it("E08 has the person that its distinct id leads to, also when that changes in the batch", () => {
    const world = new World({ settings })
    world.each(E("alice"), E("anon-1"))
    const hour = late(minutes(60))
    const ran = world.batch(A("anon-1", {}, hour), I("alice", "anon-1"), A("anon-1", {}, hour))
    assert.deepStrictEqual(
      ran.stored.map(({ person }) => [world.nameOf(person.uuid), person.mode]),
      [
        ["anon-1", "force_upgrade"],
        ["alice", "full"],
        ["alice", "force_upgrade"]
      ]
    )
  })

  it("is not upgraded where the project has opted out of people", () => {
    const world = new World({ settings })
    world.batch(E("d"))
    const project = aProject(1, { personProcessingOptOut: true })
    assert.strictEqual(
      world.batch(A("d", {}, { ...late(minutes(60)), project })).stored[0]?.person.mode,
      "propertyless"
    )
  })

  it("is looked at without a lock, unless its name is locked for another event", () => {
    const world = new World({ settings })
    const { work } = world.batchOf([world.append(A("x")), world.append(A("d")), world.append(E("d"))])
    assert.deepStrictEqual(
      [work.names, work.looks].map((names) => names.map(({ distinctId }) => distinctId)),
      [["d"], ["x"]]
    )
  })
})

describe("$feature_flag_called in a listed team", () => {
  const settings = { flagCalledPersonlessTeams: new Set([1]) }
  const called = (said = {}) => event("$feature_flag_called", "d", said)

  it("E13 makes no person", () => {
    const world = new World({ settings })
    const ran = world.batch(called({ set: { a: 1 }, $browser: "X" }))
    assert.deepStrictEqual(ran.stored[0]?.person, nobody("d"))
    assert.deepStrictEqual(ran.stored[0]?.properties, { $browser: "X", $process_person_profile: false })
    assert.deepStrictEqual(world.people(), [])
  })

  it("E14 is its person's where there is one", () => {
    const world = new World({ settings })
    world.batch(E("d"))
    assert.strictEqual(world.batch(called()).stored[0]?.person.mode, "full")
  })

  it("E15 makes one when it has groups, or asks for it", () => {
    for (const said of [{ $groups: { org: "acme" } }, { $process_person_profile: true }]) {
      const world = new World({ settings })
      assert.strictEqual(world.batch(called(said)).stored[0]?.person.mode, "full")
      assert.deepStrictEqual(world.people(), ["P(d) v0 {} d@0"])
    }
  })

  it("is an ordinary event in other teams, and everywhere personless with *", () => {
    const world = new World()
    assert.strictEqual(world.batch(called()).stored[0]?.person.mode, "full")
    const all = new World({ settings: { flagCalledPersonlessTeams: "all" } })
    assert.strictEqual(all.batch(called()).stored[0]?.person.mode, "propertyless")
  })
})
