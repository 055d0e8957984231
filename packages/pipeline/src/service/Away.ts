/**
 * What the pipeline does while an engine is away: it tries again without end, and readiness and the log tell of it
 * (spec worker 6.1). One policy an engine, whoever waits for it.
 */
import type { EventLogError } from "./EventLog.ts"
import * as Health from "./Health.ts"
import type { ProducerError } from "./Producer.ts"
import type { StoreError } from "./StoreError.ts"

const explain = (error: StoreError | EventLogError | ProducerError): string =>
  `${error._tag === "ProducerError" ? error.reason : error.operation}: ${String(error.cause)}`

/** Waits for the event log, to be read or written. */
export const log = Health.untilBack<EventLogError | ProducerError>("the log", explain)

/**
 * Waits for PostgreSQL, whatever it fails with: for what the pipeline cannot go on without, and where no event is to blame. What
 * names something of events is asked through `Divide`.
 */
export const postgres = Health.untilBack<StoreError | EventLogError>("PostgreSQL", explain)

/** Waits while PostgreSQL is unavailable; a conflict or a refusal comes back. */
export const postgresUnavailable = Health.retryWhileAway<StoreError>(
  "PostgreSQL",
  ({ reason }) => reason === "Unavailable",
  explain
)
