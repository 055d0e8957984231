/**
 * The tables of people in memory: what PostgreSQL holds beside the progress rows, for tests and the simulator to look into.
 * Properties are kept as JSON text, so every read sees objects of its own.
 */
import { fromJson } from "@tributary/domain/event/Properties"
import type { Group } from "@tributary/domain/group/Group"
import { type Mapping, nameKey, type Person } from "@tributary/domain/person/Person"
import type { OutboxMessage } from "@tributary/domain/person/Snapshot"
import { personKey } from "@tributary/domain/person/State"
import * as DistinctIdRow from "@tributary/domain/row/DistinctIdRow"
import * as PersonRow from "@tributary/domain/row/PersonRow"
import * as Topics from "@tributary/domain/row/Topics"
import type { OutboxRow } from "../PersonStore.ts"
import { makeTables as makeProgress, type ProgressTables } from "./ProgressMemory.ts"

/** A row of `posthog_person`. */
export interface PersonRecord extends Omit<Person, "properties"> {
  readonly json: string
  /** The two bookkeeping columns, as written at creation. */
  readonly lastUpdatedAt: Readonly<Record<string, string>>
  readonly lastOperation: Readonly<Record<string, "set" | "set_once">>
}

/** A row of `posthog_group`. */
export interface GroupRecord extends Omit<Group, "properties"> {
  readonly json: string
}

export interface OutboxRecord extends OutboxRow {
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly isRefused: boolean
}

export interface PersonTables {
  /** By `personKey`. */
  readonly persons: Map<string, PersonRecord>
  /** By `nameKey`. */
  readonly mappings: Map<string, Mapping>
  /** Keys of the mappings of each person, by `personKey`. */
  readonly owned: Map<string, Set<string>>
  /** By `nameKey`. */
  readonly floors: Map<string, number>
  /** By `groupNameKey`. */
  readonly groups: Map<string, GroupRecord>
  /** Cohorts of each person, by `personKey`; a merge may make duplicates. */
  readonly cohorts: Map<string, ReadonlyArray<number>>
  /** Flag → hash key of each person, by `personKey`. */
  readonly flags: Map<string, ReadonlyMap<string, string>>
  readonly outbox: Map<bigint, OutboxRecord>
  lastOutboxId: bigint
  readonly progress: ProgressTables
}

export const makeTables = (progress: ProgressTables = makeProgress()): PersonTables => ({
  persons: new Map(),
  mappings: new Map(),
  owned: new Map(),
  floors: new Map(),
  groups: new Map(),
  cohorts: new Map(),
  flags: new Map(),
  outbox: new Map(),
  lastOutboxId: 0n,
  progress
})

export const personOf = ({ json, lastOperation: _o, lastUpdatedAt: _u, ...row }: PersonRecord): Person => ({
  ...row,
  properties: fromJson(json)
})

export const groupOf = ({ json, ...row }: GroupRecord): Group => ({ ...row, properties: fromJson(json) })

/** The mappings that lead to a person. */
export const mappingsOf = (tables: PersonTables, team: number, uuid: string): ReadonlyArray<Mapping> =>
  [...(tables.owned.get(personKey(team, uuid)) ?? [])].map((key) => tables.mappings.get(key)!)

/** Puts messages into the outbox; answers with their rows, in the same order. */
export const post = (
  tables: PersonTables,
  messages: ReadonlyArray<OutboxMessage>,
  now: number
): ReadonlyArray<OutboxRow> =>
  messages.map((message) => {
    tables.lastOutboxId += 1n
    const row = { id: tables.lastOutboxId, ...message }
    tables.outbox.set(row.id, { ...row, createdAt: now, isRefused: false })
    return row
  })

/**
 * What another program does that deletes a person (spec worker 3.10): row and mappings go, tombstones enter the outbox, and each
 * distinct id gets a floor above them. False when there is no such person.
 */
export const deletePerson = (tables: PersonTables, team: number, uuid: string, now = 0): boolean => {
  const key = personKey(team, uuid)
  const row = tables.persons.get(key)
  if (row === undefined) return false
  const mappings = mappingsOf(tables, team, uuid)
  for (const mapping of mappings) {
    const name = nameKey(team, mapping.distinctId)
    const floor = Math.max(row.version, mapping.version) + 101
    tables.floors.set(name, Math.max(tables.floors.get(name) ?? 0, floor))
    tables.mappings.delete(name)
  }
  tables.persons.delete(key)
  tables.owned.delete(key)
  tables.cohorts.delete(key)
  tables.flags.delete(key)
  const tombstones = mappings.map(
    (mapping): OutboxMessage => ({
      topic: Topics.clickhousePersonDistinctId,
      key: mapping.distinctId,
      value: DistinctIdRow.encodeTombstone(mapping)
    })
  )
  post(tables, [PersonRow.tombstone(personOf(row)), ...tombstones], now)
  return true
}
