/** Ingestion warnings: what a project's owner should know about events that were changed, dropped or refused. */
import type { Properties } from "../event/Properties.ts"

/**
 * A warning as the rules raise it. Category, severity, step and whether it is debounced follow from its type
 * (spec worker 6.7) and are added when it is written.
 */
export interface Warning {
  readonly team: number
  readonly type: string
  readonly details: Properties
  /** Narrows the debounce: one an hour per `team:type:key`. Empty unless the table of spec worker 6.7 names one. */
  readonly key?: string
  /** Who raised it, where that was another program than this worker. */
  readonly source?: string
}

/** The event that a warning is about. */
export interface Subject {
  readonly team: number
  readonly uuid: string
  readonly event: string
  readonly distinctId: string
}

/** A warning whose details begin with `eventUuid`, `event` and `distinctId`. */
export const aboutEvent = (type: string, subject: Subject, details?: Properties): Warning => ({
  team: subject.team,
  type,
  details: { eventUuid: subject.uuid, event: subject.event, distinctId: subject.distinctId, ...details }
})
