/** An event on its way through the worker. Times are milliseconds since the epoch, UTC. */
import type { Project } from "../project/Project.ts"
import type { Position } from "./Position.ts"
import type { Properties } from "./Properties.ts"

/** Whether an event may touch people (spec worker 1.11): `off` by its property or its project, `forced_off` by header. */
export type PersonProcessing = "on" | "off" | "forced_off"

/** The other distinct id of a merge event, as text and clean, and whether it may take part in merges (spec worker 3.2). */
export interface MergePartner {
  readonly distinctId: string
  readonly legal: boolean
}

/**
 * An event after admission, transformations and normalisation: everything that people and groups need to know of it.
 * `properties` holds `$set`, `$set_once` and `$unset`, lifted values included.
 */
export interface Event {
  readonly at: Position
  readonly project: Project
  readonly uuid: string
  readonly event: string
  readonly distinctId: string
  readonly properties: Properties
  /** The event's time (spec worker 1.9); all times of people come from it. */
  readonly timestamp: number
  /** The time of receipt: the envelope's `now`, else the record's time; never the worker's clock. */
  readonly receivedAt: number
  readonly personProcessing: PersonProcessing
  /** True when the client sent `$process_person_profile: true`, which is gone from the properties (V-14). */
  readonly profileRequested?: boolean
  readonly historicalMigration: boolean
  /** The header `now`, or null. */
  readonly capturedAt: number | null
  /** Present on merge events that name a partner: `$identify`, `$create_alias`, `$merge_dangerously` (spec worker 3.1). */
  readonly partner: MergePartner | undefined
}

export type PersonMode = "full" | "propertyless" | "force_upgrade"

/** The person as the event shows it (spec worker 3.9, 5.1). */
export interface EventPerson {
  readonly uuid: string
  readonly properties: Properties
  readonly createdAt: number
  readonly mode: PersonMode
}

/** An event with its person and its groups: ready to be written. */
export interface ProcessedEvent extends Event {
  readonly person: EventPerson
}
