/** What the engines hold of the load's project when everything has drained. Rows of the current state, nothing deleted. */
import type { Properties } from "@tributary/domain/event/Properties"

/** A row of the view `events_deduplicated`. */
export interface StoredEvent {
  readonly uuid: string
  readonly distinctId: string
  readonly person: string
  readonly mode: string
  readonly personProperties: Properties
}

export interface StoredPerson {
  readonly uuid: string
  readonly properties: Properties
  readonly version: number
  readonly isIdentified: boolean
  /** Seconds since the epoch. */
  readonly createdAt: number
}

export interface StoredMapping {
  readonly distinctId: string
  /** The person's uuid. */
  readonly person: string
  readonly version: number
}

export interface StoredGroup {
  readonly index: number
  readonly key: string
  readonly properties: Properties
  readonly version: number
  /** Seconds since the epoch. */
  readonly createdAt: number
}

/** People, mappings and groups as one of the two databases has them. */
export interface People {
  readonly persons: ReadonlyArray<StoredPerson>
  readonly mappings: ReadonlyArray<StoredMapping>
  readonly groups: ReadonlyArray<StoredGroup>
}

export interface Stored {
  /** Uuids of the events in the log, by partition, in the log's order. */
  readonly log: ReadonlyArray<ReadonlyArray<string>>
  readonly events: ReadonlyArray<StoredEvent>
  readonly deadLetters: ReadonlyArray<{ readonly uuid: string; readonly reason: string }>
  /** Errors of messages that no table took. */
  readonly unreadable: ReadonlyArray<string>
  readonly postgres: People
  readonly clickhouse: People
  /** `person_distinct_id_overrides`. */
  readonly overrides: ReadonlyArray<StoredMapping>
  /** By name, the column that a group type has. */
  readonly groupTypes: ReadonlyMap<string, number>
}
