/** Merges over their limit, in a race with other workers, or left out (spec worker 3.6, 3.7, 8.4). Named by their ids. */
import { assert, describe, it } from "@effect/vitest"
import * as Position from "@tributary/domain/event/Position"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as Merge from "@tributary/domain/person/Merge"
import { E, I, MD } from "./support/Events.ts"
import { type Ran, shown, World } from "./support/World.ts"

const U = (distinctId: string) => Uuid.personUuid(1, distinctId)
const types = (ran: Ran) => ran.warnings.map(({ type }) => type)

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
