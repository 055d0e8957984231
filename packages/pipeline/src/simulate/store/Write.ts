/**
 * Steps 7 to 14 of the batch transaction (guides postgres 1): all inserts before the first change of a row that exists. A statement
 * each, so that others come in between.
 */
import { groupNameKey } from "@tributary/domain/group/Group"
import { type Mapping, nameKey } from "@tributary/domain/person/Person"
import type {
  Changes,
  Folded,
  GroupWrite,
  Merge,
  OutboxMessage,
  PersonCreation,
  PersonWrite,
  Work
} from "@tributary/domain/person/Snapshot"
import { personKey } from "@tributary/domain/person/State"
import * as Effect from "effect/Effect"
import type { PersonRecord } from "../../service/memory/PersonTables.ts"
import { partitionKey } from "../../service/memory/ProgressMemory.ts"
import type { OutboxRow } from "../../service/PersonStore.ts"
import { atOnce, type DbError, dbError, type Statement, type Tx } from "../database/Engine.ts"
import type { Session } from "../database/Postgres.ts"
import { refusedKey, type Tables } from "../database/Tables.ts"
import type { Flaws } from "../Flaws.ts"
import { endsOf, type Loaded } from "./Read.ts"
import { type Conflict, conflict } from "./Repeat.ts"

/** Row ids by `personKey`; those of new persons are added. */
type Ids = Map<string, number>

const idOf = (ids: Ids, team: number, uuid: string): number => {
  const id = ids.get(personKey(team, uuid))
  if (id === undefined) throw new Error(`the fold names a person that it was not given: ${team} ${uuid}`)
  return id
}

const byTeam = <A extends { readonly team: number }>(rows: ReadonlyArray<A>, text: (row: A) => string) =>
  rows.toSorted((a, b) => a.team - b.team || (text(a) < text(b) ? -1 : 1))

/** Answers whether all could be inserted. A key that exists waits for whoever has changed its row. */
const insertPersons = (tables: Tables, persons: ReadonlyArray<PersonCreation>, ids: Ids) =>
  function* (tx: Tx): Statement<boolean> {
    let inserted = 0
    for (const person of byTeam(persons, ({ uuid }) => uuid)) {
      const { properties: _, ...row } = person
      const key = personKey(person.team, person.uuid)
      for (;;) {
        const taken = tables.uuids.read(key, tx)
        const changer = taken === undefined ? undefined : tables.persons.changer(taken, tx)
        if (changer === undefined) break
        yield changer
      }
      const id = ++tables.lastPersonId
      if (!(yield* tables.uuids.insert(tx, key, id))) continue
      yield* tables.persons.insert(tx, id, row)
      ids.set(key, id)
      inserted += 1
    }
    return inserted === persons.length
  }

/** With the check of the foreign key, which waits for whoever holds the person. */
const insertMappings = (tables: Tables, mappings: ReadonlyArray<Mapping>, ids: Ids) =>
  function* (tx: Tx): Statement<boolean> {
    let inserted = 0
    for (const { distinctId, person, team, version } of byTeam(mappings, (row) => row.distinctId)) {
      const personId = idOf(ids, team, person)
      if (!(yield* tables.mappings.insert(tx, nameKey(team, distinctId), { team, distinctId, personId, version })))
        continue
      if ((yield* tables.persons.lock(tx, personId)) === undefined) throw dbError("23503")
      inserted += 1
    }
    return inserted === mappings.length
  }

const readFloors = (tables: Tables, mappings: ReadonlyArray<Mapping>) =>
  atOnce((tx): ReadonlyArray<number> => {
    return mappings.map(({ distinctId, team }) => tables.floors.read(nameKey(team, distinctId), tx) ?? 0)
  })

const groupRecord = ({ createdAt, index, json, key, team, version }: GroupWrite) => ({
  ...{ team, index, key, createdAt, version, json }
})

const insertGroups = (tables: Tables, groups: ReadonlyArray<GroupWrite>) =>
  function* (tx: Tx): Statement<boolean> {
    let inserted = 0
    for (const group of byTeam(groups, ({ index, key }) => `${index}:${key}`)) {
      const key = groupNameKey(group.team, group.index, group.key)
      if (yield* tables.groups.insert(tx, key, groupRecord(group))) inserted += 1
    }
    return inserted === groups.length
  }

/** All ids of the sources, named by the batch or not. */
const moveMappings = (tables: Tables, merges: ReadonlyArray<Merge>, ids: Ids) =>
  function* (tx: Tx): Statement<ReadonlyArray<Mapping>> {
    const moved: Array<Mapping> = []
    const seen = tables.mappings.entries(tx)
    for (const { moves, source, target, team } of merges) {
      const from = idOf(ids, team, source)
      const to = idOf(ids, team, target)
      for (const [key, { personId }] of seen) {
        if (personId !== from) continue
        const row = yield* tables.mappings.lock(tx, key)
        if (row === undefined || row.personId !== from) continue
        const version = row.version + moves
        yield* tables.mappings.write(tx, key, { ...row, personId: to, version })
        moved.push({ team, distinctId: row.distinctId, person: target, version })
      }
    }
    return moved
  }

const updatePersons = (tables: Tables, persons: ReadonlyArray<PersonWrite>, ids: Ids) =>
  function* (tx: Tx): Statement<boolean> {
    let updated = 0
    for (const { createdAt, isIdentified, json, lastSeenAt, team, uuid, version } of persons) {
      const id = idOf(ids, team, uuid)
      const row = yield* tables.persons.lock(tx, id)
      if (row === undefined) continue
      const next: PersonRecord = { ...row, createdAt, isIdentified, json, lastSeenAt, version }
      yield* tables.persons.write(tx, id, next)
      updated += 1
    }
    return updated === persons.length
  }

const updateGroups = (tables: Tables, groups: ReadonlyArray<GroupWrite>) =>
  function* (tx: Tx): Statement<boolean> {
    let updated = 0
    for (const group of groups) {
      const key = groupNameKey(group.team, group.index, group.key)
      const row = yield* tables.groups.lock(tx, key)
      if (row === undefined) continue
      // `created_at` stays.
      yield* tables.groups.write(tx, key, { ...row, json: group.json, version: group.version })
      updated += 1
    }
    return updated === groups.length
  }

const deletePersons = (tables: Tables, merges: ReadonlyArray<Merge>, ids: Ids) =>
  function* (tx: Tx): Statement<boolean> {
    let deleted = 0
    for (const { source, team } of merges) {
      const id = idOf(ids, team, source)
      if (!(yield* tables.persons.write(tx, id, undefined))) continue
      if (tables.mappings.entries(tx).some(([, { personId }]) => personId === id)) throw dbError("23503")
      yield* tables.uuids.write(tx, personKey(team, source), undefined)
      deleted += 1
    }
    return deleted === merges.length
  }

/** Where the batch ends; never lower than it was. */
export const raise = (tables: Tables, work: Work, mayLower = false) =>
  function* (tx: Tx): Statement<void> {
    for (const [key, nextOffset] of endsOf(work)) {
      const row = yield* tables.progress.lock(tx, key)
      if (row !== undefined && (mayLower || row.nextOffset < nextOffset)) {
        yield* tables.progress.write(tx, key, { ...row, nextOffset })
      }
    }
  }

const insertRefusals = (tables: Tables, work: Work, refusals: Changes["refusals"]) =>
  function* (tx: Tx): Statement<void> {
    for (const { at, refusal } of refusals) {
      const partition = partitionKey(work.group, at.topic, at.partition)
      const key = refusedKey(partition, at.offset)
      const row = { partition, offset: at.offset, refusal }
      if (!(yield* tables.refused.insert(tx, key, row))) yield* tables.refused.write(tx, key, row)
    }
  }

/** The messages with ids for their rows, in the same order. */
export const draw = (tables: Tables, messages: ReadonlyArray<OutboxMessage>): ReadonlyArray<OutboxRow> =>
  messages.map(({ key, topic, value }) => ({ id: ++tables.lastOutboxId, topic, key, value }))

export const insertOutbox = (tables: Tables, rows: ReadonlyArray<OutboxRow>, now: number) =>
  function* (tx: Tx): Statement<ReadonlyArray<OutboxRow>> {
    for (const row of rows) yield* tables.outbox.insert(tx, row.id, { ...row, createdAt: now, isRefused: false })
    return rows
  }

/** Steps 7 to 14, without the commit. Answers with the outbox rows. */
export const write = Effect.fnUntraced(function* <A>(
  session: Session,
  tables: Tables,
  { loaded, work }: { readonly loaded: Loaded; readonly work: Work },
  { changes, messages }: Folded<A>,
  { flaws, now }: { readonly flaws: Flaws; readonly now: () => number }
): Effect.fn.Return<ReadonlyArray<OutboxRow>, Conflict | DbError> {
  const ids: Ids = new Map(loaded.ids)
  const { attach, create, merge, update } = changes
  const newGroups = changes.groups.filter(({ isNew }) => isNew)
  const oldGroups = changes.groups.filter(({ isNew }) => !isNew)

  if (create.length > 0 && !(yield* session.run("insert persons", insertPersons(tables, create, ids)))) {
    return yield* Effect.fail(conflict("person"))
  }
  if (attach.length > 0) {
    const areNew = yield* session.run("insert distinct ids", insertMappings(tables, attach, ids))
    if (!areNew && !flaws.has("mapping read once")) {
      return yield* Effect.fail(conflict("distinct id"))
    }
    if (!flaws.has("floors read once")) {
      const floors = yield* session.run("floors", readFloors(tables, attach))
      const isAsRead = attach.every(({ distinctId, team }, i) => floors[i] === loaded.snapshot.floor(team, distinctId))
      if (!isAsRead) return yield* Effect.fail(conflict("floor"))
    }
  }
  if (newGroups.length > 0 && !(yield* session.run("insert groups", insertGroups(tables, newGroups)))) {
    return yield* Effect.fail(conflict("group"))
  }
  const moved = merge.length > 0 ? yield* session.run("move", moveMappings(tables, merge, ids)) : []
  if (update.length > 0 && !(yield* session.run("update persons", updatePersons(tables, update, ids)))) {
    return yield* Effect.fail(conflict("update"))
  }
  if (oldGroups.length > 0 && !(yield* session.run("update groups", updateGroups(tables, oldGroups)))) {
    return yield* Effect.fail(conflict("update"))
  }
  if (merge.length > 0 && !(yield* session.run("delete persons", deletePersons(tables, merge, ids)))) {
    return yield* Effect.fail(conflict("delete"))
  }
  if (!flaws.has("fence raised before") && !flaws.has("fence raised after")) {
    yield* session.run("raise", raise(tables, work, flaws.has("fence lowered")))
  }
  if (changes.refusals.length > 0 && !flaws.has("refusals forgotten")) {
    yield* session.run("refuse", insertRefusals(tables, work, changes.refusals))
  }
  const rows = draw(tables, messages(moved))
  if (rows.length === 0 || flaws.has("outbox outside") || flaws.has("outbox deleted early")) return rows
  return yield* session.run("outbox", insertOutbox(tables, rows, now()))
})
