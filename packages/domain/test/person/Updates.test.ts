/** What events make of properties (spec worker 9.2, P13 to P18, P24 to P26), on random histories. */
import { assert, describe, it } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import {
  type Cuts,
  draftOf,
  everything,
  histories,
  narrowed,
  type Op,
  oneTeam,
  run,
  runs,
  unfiltered,
  withoutUnset
} from "./support/Histories.ts"
import { shown, type World } from "./support/World.ts"

const ofOne = (op: Op): Op => ({ ...op, distinctId: "a", partner: "a" })
/** A $set of null leaves room for a later $set_once (V-9). */
const withoutNull = (op: Op): Op => ({ ...op, set: op.set.map(([key, value]) => [key, value ?? 1]) })
const cuts: ReadonlyArray<Cuts> = ["as written", "one by one", "all at once"]
const never = (): never => assert.fail("a person is missing")

describe("properties", () => {
  it.prop(
    "P13 of the last $set count, whatever the events' times",
    { history: histories(["E", "set", "X", "A"], narrowed(unfiltered, withoutUnset, withoutNull)) },
    ({ history }) => {
      const { world } = run(history)
      const last = new Map<string, unknown>()
      for (const { distinctId, kind, set, team } of history.ops) {
        if (kind === "E" || kind === "set")
          for (const [key, value] of set) last.set(`${team}:${distinctId}:${key}`, value)
      }
      for (const [name, value] of last) {
        const [team, distinctId, key] = name.split(":")
        assert.strictEqual((world.properties(distinctId!, Number(team)) ?? never())[key!], value)
      }
    },
    runs(200)
  )

  it.prop(
    "P14 of the first $set_once count that is not null",
    { history: histories(["E", "set"], (op) => ({ ...unfiltered(op), set: [], unset: [] })) },
    ({ history }) => {
      const { world } = run(history)
      const first = new Map<string, unknown>()
      for (const { distinctId, once, team } of history.ops) {
        for (const [key, value] of new Map(once)) {
          const name = `${team}:${distinctId}:${key}`
          if (first.get(name) === undefined || first.get(name) === null) first.set(name, value)
        }
      }
      for (const [name, value] of first) {
        const [team, distinctId, key] = name.split(":")
        assert.strictEqual((world.properties(distinctId!, Number(team)) ?? never())[key!], value)
      }
    },
    runs(200)
  )

  it.prop(
    "P15 of scalars are the same when their event comes twice in a row, versions and messages too",
    { history: histories(["E", "set", "X", "I"], withoutUnset) },
    ({ history }) => {
      const { world } = run(history, { cuts: "one by one" })
      const last = history.ops.at(-1)
      if (last !== undefined) assert.deepStrictEqual(world.batch(draftOf(last)).messages, [])
    },
    runs(300)
  )

  it.prop(
    "P16, 9.4.5 of one distinct id do not depend on where batches are cut, nor do partition, birth and identity",
    { history: histories(everything, narrowed(oneTeam, ofOne, unfiltered)) },
    ({ history }) => {
      const state = (cut: Cuts) => {
        const { world } = run(history, { cuts: cut })
        const { createdAt, isIdentified } = world.person("a") ?? {}
        return [world.properties("a"), createdAt, isIdentified]
      }
      const [first, ...others] = cuts.map(state)
      for (const other of others) assert.deepStrictEqual(other, first)
    },
    runs(300)
  )

  it.prop(
    "P25 are on the event as the event set them",
    { history: histories() },
    ({ history }) => {
      for (const event of run(history).ran.stored) {
        if (event.person.mode !== "full") continue
        const set = event.properties["$set"] ?? {}
        assert.deepStrictEqual({ ...shown(event), ...set }, shown(event))
      }
    },
    runs(200)
  )

  it.prop(
    "of an event that changes what is written are its person's afterwards",
    { history: histories(everything, unfiltered) },
    ({ history }) => {
      run(history, {
        cuts: "one by one",
        after: (world, { stored }) => {
          for (const { distinctId, person, project } of stored) {
            if (person.mode === "full")
              assert.deepStrictEqual(person.properties, world.person(distinctId, project.id)?.properties)
          }
        }
      })
    },
    runs(200)
  )
})

describe("a person", () => {
  const follow = (check: (world: World, before: World["tables"]["persons"]) => void) => {
    let before: World["tables"]["persons"] = new Map()
    return (world: World) => {
      check(world, before)
      before = new Map(world.tables.persons)
    }
  }

  it.prop(
    "P17, P18 that is identified stays so, and is never seen earlier, always on the hour",
    { history: histories() },
    ({ history }) => {
      run(history, {
        after: follow(({ tables }, before) => {
          for (const [key, { isIdentified, lastSeenAt }] of tables.persons) {
            const was = before.get(key)
            if (was?.isIdentified === true) assert.isTrue(isIdentified)
            assert.strictEqual(lastSeenAt! % 3_600_000, 0)
            if (was !== undefined) assert.isAtLeast(lastSeenAt!, was.lastSeenAt!)
          }
        })
      })
    },
    runs(200)
  )
})

describe("the event's person", () => {
  it.prop(
    "P23, P24 is full when personful, and nobody's business when personless",
    { history: histories() },
    ({ history }) => {
      for (const { distinctId, person, personProcessing, project } of run(history).ran.stored) {
        if (personProcessing === "on") assert.strictEqual(person.mode, "full")
        else {
          const uuid = Uuid.personUuid(project.id, distinctId)
          assert.deepStrictEqual(person, { uuid, properties: {}, createdAt: 5_000, mode: "propertyless" })
        }
      }
      const without = history.filter(({ kind }) => kind !== "A")
      const people = (world: World) => world.people().map((line) => line.replace(/ v\d+/, ""))
      const settled = { cuts: "all at once" } as const
      assert.deepStrictEqual(people(run(history, settled).world), people(run(without, settled).world))
    },
    runs(200)
  )

  it.prop(
    "P24 with the upgrade is a person's only where there is one, more than a minute older",
    { history: histories() },
    ({ history }) => {
      run(history, {
        cuts: "one by one",
        settings: { personlessUpgrade: true },
        after: (world, { stored }) => {
          for (const { distinctId, person, personProcessing, project, timestamp } of stored) {
            if (personProcessing === "on") continue
            const known = world.person(distinctId, project.id)
            const isUpgraded = known !== undefined && timestamp > known.createdAt + 60_000
            assert.strictEqual(person.mode, isUpgraded ? "force_upgrade" : "propertyless")
            assert.strictEqual(person.uuid, known?.uuid ?? Uuid.personUuid(project.id, distinctId))
            assert.deepStrictEqual(person.properties, {})
          }
        }
      })
    },
    runs(200)
  )
})

describe("groups", () => {
  it.prop(
    "P26 are the fold of what was said of them, in order, with one version for each later batch that changed them",
    { history: histories(["GI", "GI", "E", "A"]) },
    ({ history }) => {
      const groups = new Map<string, { properties: Readonly<Record<string, unknown>>; version: number }>()
      run(history, {
        after: (world, _, { ops }) => {
          const said = new Map<string, Record<string, unknown>>()
          for (const { group, kind, set, team } of ops) {
            if (kind !== "GI") continue
            const name = `${team} ${group}`
            said.set(name, { ...(said.get(name) ?? groups.get(name)?.properties), ...Object.fromEntries(set) })
          }
          for (const [name, properties] of said) {
            const known = groups.get(name)
            const isSame = JSON.stringify(sorted(properties)) === JSON.stringify(sorted(known?.properties ?? {}))
            if (known === undefined) groups.set(name, { properties, version: 1 })
            else if (!isSame) groups.set(name, { properties, version: known.version + 1 })
          }
          for (const [name, { properties, version }] of groups) {
            const [team, type, key] = name.split(" ")
            const index = world.groupTypes(Number(team), type!)
            const row = world.tables.groups.get(`${team}:${index}:${key}`)
            assert.deepStrictEqual([JSON.parse(row?.json ?? "null"), row?.version], [properties, version])
          }
          assert.strictEqual(world.tables.groups.size, groups.size)
        }
      })
    },
    runs(200)
  )
})

const sorted = (object: Readonly<Record<string, unknown>>) =>
  Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))
