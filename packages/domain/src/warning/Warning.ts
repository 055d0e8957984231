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
}
