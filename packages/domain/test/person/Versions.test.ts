/** Versions, and what ClickHouse believes because of them (spec worker 9.2, P9 to P12, P20 to P22, P39), on random histories. */
import { assert, describe, it } from "@effect/vitest"
import type { ProcessedEvent } from "@tributary/domain/event/Event"
import * as Uuid from "@tributary/domain/event/Uuid"
import { everything, histories, type Kind, run, runs } from "./support/Histories.ts"
import { World, withoutCreator } from "./support/World.ts"

const withDeletions: ReadonlyArray<Kind> = [...everything, "delete"]

const copy = (world: World) => ({ persons: new Map(world.tables.persons), mappings: new Map(world.tables.mappings) })

describe("versions", () => {
  it.prop(
    "P9 a person is as old as the oldest of those that were merged into it",
    { history: histories() },
    ({ history }) => {
      const births = new Map<string, number>()
      run(history, {
        cuts: "one by one",
        after: ({ log, tables }) => {
          const event = log.at(-1)!
          for (const key of tables.persons.keys()) if (!births.has(key)) births.set(key, event.timestamp)
          const owned = new Map<string, Array<number>>()
          for (const { distinctId, person, team } of tables.mappings.values()) {
            const birth = births.get(`${team}:${Uuid.personUuid(team, distinctId)}`)
            const key = `${team}:${person}`
            owned.set(key, [...(owned.get(key) ?? []), ...(birth === undefined ? [] : [birth])])
          }
          for (const [key, { createdAt }] of tables.persons) assert.strictEqual(createdAt, Math.min(...owned.get(key)!))
        }
      })
    },
    runs(300)
  )

  it.prop(
    "P10 a person's versions rise with every message, the tombstone's above all, and a survivor's above both",
    { history: histories(withDeletions) },
    ({ history }) => {
      const { clickhouse } = run(history).world
      for (const [key, versions] of clickhouse.versions) {
        versions.reduce((before, version) => {
          assert.isAbove(version, before, key)
          return version
        }, -1)
      }
    },
    runs(300)
  )

  it.prop(
    "P10 a survivor's version is above that of everybody who was merged into it by the batch",
    { history: histories() },
    ({ history }) => {
      let before = new Map<string, number>()
      run(history, {
        after: ({ tables }) => {
          for (const { distinctId, person, team } of tables.mappings.values()) {
            const born = `${team}:${Uuid.personUuid(team, distinctId)}`
            const gone = tables.persons.has(born) ? undefined : before.get(born)
            if (gone !== undefined) assert.isAbove(tables.persons.get(`${team}:${person}`)!.version, gone)
          }
          before = new Map([...tables.persons].map(([key, { version }]) => [key, version]))
        }
      })
    },
    runs(300)
  )

  it.prop(
    "P11 a mapping's version rises with every change of its person, by one in a batch of one event, and never falls",
    { history: histories() },
    ({ history }) => {
      let before = copy(new World()).mappings
      run(history, {
        cuts: "one by one",
        after: (world) => {
          for (const [name, { distinctId, person, team, version }] of world.tables.mappings) {
            const was = before.get(name)
            const isPrimary = Uuid.personUuid(team, distinctId) === person
            if (was === undefined) assert.strictEqual(version, isPrimary ? 0 : 1)
            else assert.strictEqual(version, was.version + (was.person === person ? 0 : 1))
          }
          for (const name of before.keys()) assert.isTrue(world.tables.mappings.has(name))
          before = copy(world).mappings
        }
      })
    },
    runs(300)
  )

  it.prop(
    "P12 however many events change a person in a batch, its version rises by one",
    { history: histories(["E", "set", "X", "A"]) },
    ({ history }) => {
      let before = new Map<string, number>()
      run(history, {
        after: ({ tables }) => {
          for (const [key, { version }] of tables.persons) assert.isAtMost(version, (before.get(key) ?? 0) + 1)
          before = new Map([...tables.persons].map(([key, { version }]) => [key, version]))
        }
      })
    },
    runs(200)
  )
})

describe("ClickHouse", () => {
  it.prop(
    "P20 has an override for every distinct id that moved or does not give its person's uuid",
    { history: histories(withDeletions) },
    ({ history }) => {
      const { world } = run(history)
      for (const [name, { distinctId, person, team, version }] of world.tables.mappings) {
        if (version === 0) assert.strictEqual(person, Uuid.personUuid(team, distinctId))
        else assert.deepStrictEqual(world.clickhouse.overrides.get(name)?.person_id, person)
      }
    },
    runs(300)
  )

  it.prop(
    "P21 leads every event to its distinct id's person, personless ones too",
    { history: histories() },
    ({ history }) => {
      const { ran, world } = run(history)
      const resolved = ({ distinctId, person, project }: ProcessedEvent) =>
        world.clickhouse.overrides.get(`${project.id}:${distinctId}`)?.person_id ?? person.uuid
      for (const event of ran.stored) {
        const mapping = world.mapping(event.distinctId, event.project.id)
        if (mapping !== undefined) assert.strictEqual(resolved(event), mapping.person)
      }
    },
    runs(300)
  )

  it.prop(
    "P22, P39 believes what PostgreSQL holds, also of people who were deleted and came back",
    { history: histories(withDeletions) },
    ({ history }) => {
      const { clickhouse, tables } = run(history).world
      const living = [...clickhouse.persons.values()].filter((row) => row.is_deleted === 0)
      assert.deepStrictEqual(
        living.map((row) => [row.id, row.version, row.properties, row.is_identified]).sort(),
        [...tables.persons.values()].map((row) => [row.uuid, row.version, row.json, row.isIdentified ? 1 : 0]).sort()
      )
      const mapped = [...clickhouse.distinctIds.values()].filter((row) => row.is_deleted === 0)
      assert.deepStrictEqual(
        mapped.map((row) => [row.team_id, row.distinct_id, row.person_id, row.version]).sort(),
        [...tables.mappings.values()].map((row) => [row.team, row.distinctId, row.person, row.version]).sort()
      )
      assert.deepStrictEqual(
        [...clickhouse.groups.values()].map((row) => [
          row.group_key,
          row.version,
          withoutCreator(row.group_properties)
        ]),
        [...tables.groups.values()].map((row) => [row.key, row.version, withoutCreator(row.json)])
      )
    },
    runs(400)
  )

  it.prop(
    "P39 a mapping at its floor leads to the person whose uuid it gives",
    { history: histories(withDeletions) },
    ({ history }) => {
      run(history, {
        after: ({ tables }) => {
          for (const [name, { distinctId, person, team, version }] of tables.mappings) {
            const floor = tables.floors.get(name) ?? 0
            assert.isAtLeast(version, floor)
            if (version === floor) assert.strictEqual(person, Uuid.personUuid(team, distinctId))
          }
        }
      })
    },
    runs(300)
  )
})
