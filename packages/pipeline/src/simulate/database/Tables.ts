/** The tables of people (guides postgres 1, 7), as far as ingestion reads and writes them. */
import type { Name } from "@tributary/domain/person/Person"
import type { Refusal } from "@tributary/domain/person/Snapshot"
import type { GroupRecord, OutboxRecord, PersonRecord } from "../../service/memory/PersonTables.ts"
import type { ProgressRow } from "../../service/memory/ProgressMemory.ts"
import { Table } from "./Table.ts"

export interface MappingRow extends Name {
  readonly personId: number
  readonly version: number
}

export interface RefusedRow {
  /** By `partitionKey`. */
  readonly partition: string
  readonly offset: bigint
  readonly refusal: Refusal
}

export interface Tables {
  /** By `partitionKey`. */
  readonly progress: Table<string, ProgressRow>
  /** By `refusedKey`. */
  readonly refused: Table<string, RefusedRow>
  /** By row id. */
  readonly persons: Table<number, PersonRecord>
  /** The unique key (team, uuid): row ids by `personKey`. */
  readonly uuids: Table<string, number>
  /** By `nameKey`. */
  readonly mappings: Table<string, MappingRow>
  /** By `nameKey`. */
  readonly floors: Table<string, number>
  /** By `groupNameKey`. */
  readonly groups: Table<string, GroupRecord>
  readonly outbox: Table<bigint, OutboxRecord>
  /** Sequences: drawn from before the commit, never given back. */
  lastPersonId: number
  lastOutboxId: bigint
  /** The highest outbox row that was swept: nobody reads it unless "sweep remembers" is planted. */
  sweptTo: bigint
}

export const make = (): Tables => ({
  progress: new Table(),
  refused: new Table(),
  persons: new Table(),
  uuids: new Table(),
  mappings: new Table(),
  floors: new Table(),
  groups: new Table(),
  outbox: new Table(),
  lastPersonId: 0,
  lastOutboxId: 0n,
  sweptTo: 0n
})

export const refusedKey = (partition: string, offset: bigint): string => `${partition}#${offset}`
