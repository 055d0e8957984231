/**
 * What the pipeline does while an engine is away: it tries again without end, and readiness and the log tell of it
 * (spec worker 6.1). One policy an engine, whoever waits for it.
 */
import type * as Effect from "effect/Effect"
import type { EventLogError } from "./EventLog.ts"
import * as Health from "./Health.ts"
import type { ProducerError } from "./Producer.ts"
import type { StoreError } from "./StoreError.ts"

const explain = (error: StoreError | EventLogError | ProducerError): string =>
  `${error._tag === "ProducerError" ? error.reason : error.operation}: ${String(error.cause)}`

/** Waits for the event log, to be read or written. */
export const log = Health.untilBack<EventLogError | ProducerError>("the log", explain)

const store = Health.retryWhileAway<StoreError | EventLogError>(
  "PostgreSQL",
  ({ _tag }) => _tag === "StoreError",
  explain
)
const either = Health.untilBack<StoreError | EventLogError>("the log", explain)

/**
 * Waits for PostgreSQL, and for the log where that is asked in between, whatever they fail with: for what the pipeline cannot go
 * on without, and where no event is to blame. What names something of events is asked through `Divide`.
 */
export const postgres = <A, R>(
  self: Effect.Effect<A, StoreError | EventLogError, R>
): Effect.Effect<A, never, R | Health.Health> => either(store(self))

/** Waits while PostgreSQL is unavailable; a conflict or a refusal comes back. */
export const postgresUnavailable = Health.retryWhileAway<StoreError>(
  "PostgreSQL",
  ({ reason }) => reason === "Unavailable",
  explain
)
