/**
 * Steps 2 to 5 of the batch transaction (guides postgres 1): claim the progress, lock and read the persons, read mapping and
 * floors, lock and read the groups. A statement each, so that others come in between.
 */
import * as Position from "@tributary/domain/event/Position"
import { type Group, groupNameKey } from "@tributary/domain/group/Group"
import { nameKey, type Person } from "@tributary/domain/person/Person"
import type { Found, Refusal, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import { personKey } from "@tributary/domain/person/State"
import * as Effect from "effect/Effect"
import { groupOf, personOf } from "../../service/memory/PersonTables.ts"
import { partitionKey } from "../../service/memory/ProgressMemory.ts"
import { atOnce, type DbError, type Statement, type Tx } from "../database/Engine.ts"
import type { Session } from "../database/Postgres.ts"
import { type MappingRow, refusedKey, type Tables } from "../database/Tables.ts"
import type { Flaws } from "../Flaws.ts"
import { type Conflict, conflict } from "./Repeat.ts"

export interface Loaded {
  readonly snapshot: Snapshot
  /** Row ids of the persons that are locked, by `personKey`. */
  readonly ids: ReadonlyMap<string, number>
}

/** The partitions of a batch, in the order of locking, and the offset after the last message of each. */
export const endsOf = (work: Work): ReadonlyArray<readonly [key: string, next: bigint]> => {
  const ends = new Map<string, bigint>()
  for (const { offset, partition, topic } of work.progress) {
    const key = partitionKey(work.group, topic, partition)
    const known = ends.get(key) ?? 0n
    ends.set(key, offset >= known ? offset + 1n : known)
  }
  return [...ends].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Locks the rows of progress, makes missing ones, and answers with `next_offset` as it is now. */
export const claim = (tables: Tables, work: Work) =>
  function* (tx: Tx): Statement<ReadonlyMap<string, bigint>> {
    const fences = new Map<string, bigint>()
    for (const [key] of endsOf(work)) {
      yield* tables.progress.insert(tx, key, { topicId: undefined, nextOffset: 0n, pendingEnd: undefined })
      const row = yield* tables.progress.lock(tx, key)
      fences.set(key, row?.nextOffset ?? 0n)
    }
    return fences
  }

const readRefusals = (tables: Tables, applied: ReadonlyArray<readonly [partition: string, at: Position.Position]>) =>
  atOnce((tx): ReadonlyMap<string, Refusal> => {
    const refusals = new Map<string, Refusal>()
    for (const [partition, at] of applied) {
      const row = tables.refused.read(refusedKey(partition, at.offset), tx)
      if (row !== undefined) refusals.set(Position.key(at), row.refusal)
    }
    return refusals
  })

/** The owners as the statement saw them when it began, locked by id. One that went away meanwhile is not among them. */
const lockPersons = (tables: Tables, { names }: Work, isLocking: boolean) =>
  function* (tx: Tx): Statement<ReadonlyMap<number, Person>> {
    const owners = new Set<number>()
    for (const { distinctId, team } of names) {
      const mapping = tables.mappings.read(nameKey(team, distinctId), tx)
      if (mapping !== undefined) owners.add(mapping.personId)
    }
    const persons = new Map<number, Person>()
    for (const id of [...owners].sort((a, b) => a - b)) {
      const row = isLocking ? yield* tables.persons.lock(tx, id) : tables.persons.read(id, tx)
      if (row !== undefined) persons.set(id, personOf(row))
    }
    return persons
  }

interface NameRow {
  readonly mapping: MappingRow | undefined
  readonly floor: number | undefined
}

const readNames = (tables: Tables, names: Work["names"]) =>
  atOnce((tx): ReadonlyArray<NameRow> => {
    return names.map(({ distinctId, team }) => {
      const key = nameKey(team, distinctId)
      return { mapping: tables.mappings.read(key, tx), floor: tables.floors.read(key, tx) }
    })
  })

/** Names that are only looked at, without locks. */
const readLooks = (tables: Tables, looks: Work["looks"]) =>
  atOnce((tx): ReadonlyArray<readonly [MappingRow, Person]> => {
    return looks.flatMap(({ distinctId, team }) => {
      const mapping = tables.mappings.read(nameKey(team, distinctId), tx)
      const row = mapping === undefined ? undefined : tables.persons.read(mapping.personId, tx)
      return mapping === undefined || row === undefined ? [] : [[mapping, personOf(row)] as const]
    })
  })

const countIds = (tables: Tables, ids: ReadonlyMap<string, number>, upTo: number) =>
  atOnce((tx): ReadonlyMap<string, number> => {
    const rows = tables.mappings.entries(tx)
    return new Map(
      [...ids].map(([key, id]) => [key, Math.min(upTo + 1, rows.filter(([, row]) => row.personId === id).length)])
    )
  })

const lockGroups = (tables: Tables, { groups }: Work) =>
  function* (tx: Tx): Statement<ReadonlyMap<string, Group>> {
    const found = new Map<string, Group>()
    for (const key of groups.map(({ index, key, team }) => groupNameKey(team, index, key)).sort()) {
      const row = yield* tables.groups.lock(tx, key)
      if (row !== undefined) found.set(key, groupOf(row))
    }
    return found
  }

export interface ReadOptions {
  readonly flaws: Flaws
  /** Plants "groups before people". */
  readonly groupsFirst: boolean
  /** Plants "unknown commit is a failure". */
  readonly ignoreFence: boolean
  /** Plants "fence raised before": the progress as it was read then. */
  readonly fences?: ReadonlyMap<string, bigint> | undefined
}

export const load = Effect.fnUntraced(function* (
  session: Session,
  tables: Tables,
  work: Work,
  { fences: given, flaws, groupsFirst, ignoreFence }: ReadOptions
): Effect.fn.Return<Loaded, Conflict | DbError> {
  const fences = given ?? (yield* session.run("claim", claim(tables, work)))
  const fenceOf = (at: Position.Position): bigint => fences.get(partitionKey(work.group, at.topic, at.partition)) ?? 0n
  const isBelow = (at: Position.Position): boolean => at.offset < fenceOf(at)
  const below = work.progress.filter(isBelow)
  const refusals =
    below.length === 0 || flaws.has("refusals forgotten")
      ? new Map<string, Refusal>()
      : yield* session.run(
          "refusals",
          readRefusals(
            tables,
            below.map((at) => [partitionKey(work.group, at.topic, at.partition), at])
          )
        )
  const early =
    groupsFirst && work.groups.length > 0 ? yield* session.run("groups", lockGroups(tables, work)) : undefined

  const found = new Map<string, Found>()
  const floors = new Map<string, number>()
  const ids = new Map<string, number>()
  if (work.names.length > 0) {
    const early = flaws.has("mapping read once")
      ? yield* session.run("names", readNames(tables, work.names))
      : undefined
    const persons = yield* session.run("persons", lockPersons(tables, work, !flaws.has("no person locks")))
    for (const [id, { team, uuid }] of persons) ids.set(personKey(team, uuid), id)
    const rows = early ?? (yield* session.run("names", readNames(tables, work.names)))
    for (const [i, { distinctId, team }] of work.names.entries()) {
      const key = nameKey(team, distinctId)
      const { floor, mapping } = rows[i]!
      if (floor !== undefined) floors.set(key, floor)
      if (mapping === undefined) continue
      const person = persons.get(mapping.personId)
      if (person === undefined) {
        if (early !== undefined) continue
        return yield* Effect.fail(conflict("mapping"))
      }
      found.set(key, { person, mapping: { team, distinctId, person: person.uuid, version: mapping.version } })
    }
  }
  const absent = work.looks.filter(({ distinctId, team }) => !found.has(nameKey(team, distinctId)))
  if (absent.length > 0) {
    const locked = new Map([...found.values()].map(({ person }) => [personKey(person.team, person.uuid), person]))
    for (const [{ distinctId, team, version }, seen] of yield* session.run("looks", readLooks(tables, absent))) {
      const person = locked.get(personKey(team, seen.uuid)) ?? seen
      found.set(nameKey(team, distinctId), { person, mapping: { team, distinctId, person: person.uuid, version } })
    }
  }
  const counts =
    work.countIdsUpTo > 0 && ids.size > 0
      ? yield* session.run("counts", countIds(tables, ids, work.countIdsUpTo))
      : new Map<string, number>()
  const groups =
    early ??
    (work.groups.length > 0 ? yield* session.run("groups", lockGroups(tables, work)) : new Map<string, Group>())
  const isRepeatedAsWhole = below.length === work.progress.length
  const applied = (at: Position.Position): boolean => {
    if (ignoreFence || flaws.has("no fence")) return false
    if (flaws.has("fence for whole batches only") && !isRepeatedAsWhole) return false
    return isBelow(at)
  }
  return {
    ids,
    snapshot: {
      person: (team, distinctId) => found.get(nameKey(team, distinctId)),
      floor: (team, distinctId) => floors.get(nameKey(team, distinctId)) ?? 0,
      group: (team, index, key) => groups.get(groupNameKey(team, index, key)),
      idCount: (team, uuid) => counts.get(personKey(team, uuid)) ?? 0,
      applied,
      refused: (at) => refusals.get(Position.key(at))
    }
  }
})
