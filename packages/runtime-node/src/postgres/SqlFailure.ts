/** What a failed statement or transaction means for its caller (guides postgres 4). */
import { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as SqlError from "effect/sql/SqlError"

/**
 * Makes the loss of a connection inside a transaction a failure again: the ROLLBACK that cannot be sent turns it into a
 * defect. Goes outside the transaction.
 */
export const typed = <A, E, R>(
  transaction: Effect.Effect<A, E | SqlError.SqlError, R>
): Effect.Effect<A, E | SqlError.SqlError, R> =>
  Effect.catchCause(transaction, (cause) => {
    const lost = cause.reasons
      .filter(Cause.isDieReason)
      .map((reason) => reason.defect)
      .find(SqlError.isSqlError)
    return lost !== undefined && !Cause.hasInterrupts(cause) ? Effect.fail(lost) : Effect.failCause(cause)
  })

/** What an error of PostgreSQL's looks like; Node's own codes (`ECONNREFUSED`, `EPIPE`) have no digit. */
const statePattern = /^(?=.*\d)[0-9A-Z]{5}$/

/** The five characters by which PostgreSQL names an error; undefined where it never answered. */
export const sqlState = (error: SqlError.SqlError): string | undefined => {
  const cause: unknown = error.reason.cause
  return typeof cause === "object" &&
    cause !== null &&
    "code" in cause &&
    typeof cause.code === "string" &&
    statePattern.test(cause.code)
    ? cause.code
    : undefined
}

/**
 * `conflict`: others were first, again at once. `crowded`: a deadlock, or it took too long; again after a pause. `held`: others did
 * not let go of a lock; again after a pause, and as `away` in the end, for no event is to blame. `away`: no server that can do it now; again
 * with growing pauses, without end. `refused`: it will never be taken.
 */
export type Failure = "conflict" | "crowded" | "held" | "away" | "refused"

export const classify = (error: SqlError.SqlError): Failure => {
  const state = sqlState(error)
  if (state === undefined) return error.isRetryable ? "away" : "refused"
  if (state === "23505" || state === "23503") return "conflict"
  if (state === "40P01" || state === "40001" || state === "57014") return "crowded"
  if (state === "55P03") return "held"
  // Connection, no entry, no such database or none that lets in, shutting down or starting, out of resources, cut off in
  // mid-transaction, a primary that became a replica, failing disks: an operator mends it, and no event is to blame.
  return /^(08|28|3D000|55000|57P0|53|25P0|25006|58)/.test(state) ? "away" : "refused"
}

const reasons = {
  conflict: "Conflict",
  crowded: "Conflict",
  held: "Unavailable",
  away: "Unavailable",
  refused: "Refused"
} as const

export const toStoreError =
  (store: string, operation: string) =>
  (error: SqlError.SqlError): StoreError =>
    new StoreError({ store, operation, reason: reasons[classify(error)], cause: error })

/** For stores whose statements lock nothing: a statement that others hold up is as good as a server that is away. */
export const orUnavailable =
  (store: string, operation: string) =>
  <A, E, R>(
    self: Effect.Effect<A, E | SqlError.SqlError, R>
  ): Effect.Effect<A, Exclude<E, SqlError.SqlError> | StoreError, R> =>
    Effect.mapError(typed(self), (error) =>
      SqlError.isSqlError(error)
        ? new StoreError({
            store,
            operation,
            reason: classify(error) === "refused" ? "Refused" : "Unavailable",
            cause: error
          })
        : (error as Exclude<E, SqlError.SqlError>)
    )
