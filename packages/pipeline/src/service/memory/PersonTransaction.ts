/**
 * The batch transaction on tables in memory, without effects (spec worker 2.7, guides postgres 1).
 *
 * It reads exactly what its work names, folds, checks all that could stand in its way, and then writes: as a whole or not at
 * all. It is as strict as PostgreSQL: unique keys, foreign keys, and the limit on the size of properties.
 */
import type { Position } from "@tributary/domain/event/Position"
import * as Uuid from "@tributary/domain/event/Uuid"
import { type Group, groupNameKey } from "@tributary/domain/group/Group"
import { type Mapping, type Name, nameKey, type Person } from "@tributary/domain/person/Person"
import { defaults } from "@tributary/domain/person/Settings"
import { storedBytes } from "@tributary/domain/person/SizeLimit"
import type { Changes, Folded, Found, PersonWrite, Refusal, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import { personKey } from "@tributary/domain/person/State"
import type { OutboxRow } from "../PersonStore.ts"
import { groupOf, mappingsOf, type PersonRecord, type PersonTables, personOf, post } from "./PersonTables.ts"
import { partitionKey } from "./ProgressMemory.ts"

/** Where the transaction stands in somebody's way, as PostgreSQL would say: `Conflict` (read again), or `Refused`. */
export class Rejected extends Error {
  readonly reason: "Conflict" | "Refused"
  constructor(reason: "Conflict" | "Refused", message: string) {
    super(message)
    this.reason = reason
  }
}

const conflict = (message: string): Rejected => new Rejected("Conflict", message)

const readPersons = (tables: PersonTables, names: ReadonlyArray<Name>): Map<string, Found> => {
  const found = new Map<string, Found>()
  const persons = new Map<string, Person>()
  const person = (key: string): Person | undefined => {
    const known = persons.get(key)
    if (known !== undefined) return known
    const row = tables.persons.get(key)
    if (row === undefined) return undefined
    const read = personOf(row)
    persons.set(key, read)
    return read
  }
  for (const { distinctId, team } of names) {
    const name = nameKey(team, distinctId)
    const mapping = tables.mappings.get(name)
    const uuid = mapping === undefined ? Uuid.personUuid(team, distinctId) : mapping.person
    const owner = person(personKey(team, uuid))
    if (owner !== undefined) found.set(name, { person: owner, mapping })
  }
  return found
}

/** What the batch names, and no more: others are unknown to the fold, as they are with PostgreSQL. */
export const read = (tables: PersonTables, work: Work): Snapshot => {
  const found = readPersons(tables, [...work.names, ...work.looks])
  const named = new Set(work.names.map((name) => nameKey(name.team, name.distinctId)))
  const groups = new Map<string, Group>()
  for (const { index, key, team } of work.groups) {
    const row = tables.groups.get(groupNameKey(team, index, key))
    if (row !== undefined) groups.set(groupNameKey(team, index, key), groupOf(row))
  }
  const fence = (at: Position): bigint =>
    tables.progress.rows.get(partitionKey(work.group, at.topic, at.partition))?.nextOffset ?? 0n
  return {
    person: (team, distinctId) => found.get(nameKey(team, distinctId)),
    floor: (team, distinctId) => {
      const key = nameKey(team, distinctId)
      return named.has(key) ? (tables.floors.get(key) ?? 0) : 0
    },
    group: (team, index, key) => groups.get(groupNameKey(team, index, key)),
    idCount: (team, uuid) =>
      Math.min(
        work.countIdsUpTo + 1,
        work.countIdsUpTo === 0 ? 0 : (tables.owned.get(personKey(team, uuid))?.size ?? 0)
      ),
    applied: (at) => at.offset < fence(at),
    refused: (at) =>
      at.offset < fence(at)
        ? tables.progress.refusals.get(partitionKey(work.group, at.topic, at.partition))?.get(at.offset)
        : undefined
  }
}

/** The promises of the tables' keys and constraints. */
const check = (tables: PersonTables, { attach, create, groups, merge, update }: Changes): void => {
  const created = new Set<string>()
  const exists = (key: string): boolean => tables.persons.has(key) || created.has(key)
  for (const person of [...create, ...update]) {
    if (
      person.json.length > defaults.propertiesLimitBytes / 8 &&
      storedBytes(person.properties) > defaults.propertiesLimitBytes
    ) {
      throw new Rejected("Refused", "check_properties_size")
    }
  }
  for (const { team, uuid } of create) {
    const key = personKey(team, uuid)
    if (exists(key)) throw conflict(`a person with the uuid ${uuid} exists`)
    created.add(key)
  }
  const taken = new Set<string>()
  for (const { distinctId, person, team } of attach) {
    const key = nameKey(team, distinctId)
    if (tables.mappings.has(key) || taken.has(key)) throw conflict(`${distinctId} has a person`)
    if (!exists(personKey(team, person))) throw new Error(`${distinctId} would lead to nobody`)
    taken.add(key)
  }
  for (const { source, target, team } of merge) {
    if (!tables.persons.has(personKey(team, source))) throw conflict(`the person ${source} is gone`)
    if (!exists(personKey(team, target))) throw conflict(`the person ${target} is gone`)
  }
  for (const { team, uuid } of update) {
    if (!tables.persons.has(personKey(team, uuid))) throw conflict(`the person ${uuid} is gone`)
  }
  for (const { index, isNew, key, team } of groups) {
    if (tables.groups.has(groupNameKey(team, index, key)) === isNew) throw conflict(`the group ${key} is not as read`)
  }
}

const put = (tables: PersonTables, mapping: Mapping): void => {
  const key = nameKey(mapping.team, mapping.distinctId)
  tables.mappings.set(key, mapping)
  const owner = personKey(mapping.team, mapping.person)
  const names = tables.owned.get(owner)
  if (names === undefined) tables.owned.set(owner, new Set([key]))
  else names.add(key)
}

/** Every mapping of the sources, named by the batch or not. */
const movedBy = (tables: PersonTables, { merge }: Changes): ReadonlyArray<Mapping> =>
  merge.flatMap(({ moves, source, target, team }) =>
    mappingsOf(tables, team, source).map(
      (mapping): Mapping => ({ ...mapping, person: target, version: mapping.version + moves })
    )
  )

const moveRest = (tables: PersonTables, { merge }: Changes): void => {
  // Nearest first: who joined the survivor directly goes before who came with another (spec worker 3.5).
  for (const { source, target, team } of merge.toSorted((a, b) => a.moves - b.moves)) {
    const from = personKey(team, source)
    const to = personKey(team, target)
    const cohorts = tables.cohorts.get(from)
    if (cohorts !== undefined) tables.cohorts.set(to, [...(tables.cohorts.get(to) ?? []), ...cohorts])
    const flags = tables.flags.get(from)
    if (flags !== undefined) tables.flags.set(to, new Map([...flags, ...(tables.flags.get(to) ?? [])]))
    tables.cohorts.delete(from)
    tables.flags.delete(from)
  }
}

const raise = (tables: PersonTables, work: Work, refusals: Changes["refusals"]): void => {
  const { progress } = tables
  for (const { offset, partition, topic } of work.progress) {
    const key = partitionKey(work.group, topic, partition)
    const row = progress.rows.get(key) ?? { topicId: undefined, nextOffset: 0n, pendingEnd: undefined }
    progress.rows.set(key, offset < row.nextOffset ? row : { ...row, nextOffset: offset + 1n })
  }
  for (const { at, refusal } of refusals) {
    const key = partitionKey(work.group, at.topic, at.partition)
    const known = progress.refusals.get(key)
    if (known === undefined) progress.refusals.set(key, new Map<bigint, Refusal>([[at.offset, refusal]]))
    else known.set(at.offset, refusal)
  }
}

const record = (row: PersonWrite): Omit<PersonRecord, "lastUpdatedAt" | "lastOperation"> => ({
  team: row.team,
  uuid: row.uuid,
  createdAt: row.createdAt,
  isIdentified: row.isIdentified,
  version: row.version,
  lastSeenAt: row.lastSeenAt,
  json: row.json
})

const write = (tables: PersonTables, work: Work, changes: Changes, moved: ReadonlyArray<Mapping>): void => {
  for (const person of changes.create) {
    const { lastOperation, lastUpdatedAt } = person
    tables.persons.set(personKey(person.team, person.uuid), { ...record(person), lastOperation, lastUpdatedAt })
  }
  for (const mapping of [...changes.attach, ...moved]) put(tables, mapping)
  moveRest(tables, changes)
  for (const person of changes.update) {
    const key = personKey(person.team, person.uuid)
    tables.persons.set(key, { ...tables.persons.get(key)!, ...record(person) })
  }
  for (const { source, team } of changes.merge) {
    tables.persons.delete(personKey(team, source))
    tables.owned.delete(personKey(team, source))
  }
  for (const { createdAt, index, json, key, team, version } of changes.groups) {
    tables.groups.set(groupNameKey(team, index, key), { team, index, key, createdAt, version, json })
  }
  raise(tables, work, changes.refusals)
}

/** One transaction. Throws `Rejected`, or what the fold throws, and then has changed nothing. */
export const transact = <A>(
  tables: PersonTables,
  work: Work,
  fold: (snapshot: Snapshot) => Folded<A>,
  now = 0
): { readonly result: A; readonly outbox: ReadonlyArray<OutboxRow> } => {
  const { changes, messages, result } = fold(read(tables, work))
  check(tables, changes)
  const moved = movedBy(tables, changes)
  const due = messages(moved)
  write(tables, work, changes, moved)
  return { result, outbox: post(tables, due, now) }
}
