import * as Schema from "effect/Schema"

/**
 * A store did not do what it was asked for.
 *
 * `Unavailable`: it is away, starting, stopping or too busy; try again, without end. `Conflict`: the batch collided with
 * others too often; divide it. `Refused`: this request will never be taken (bad data, a broken rule); divide it.
 */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  /** Which store: a service's name. */
  store: Schema.String,
  operation: Schema.String,
  reason: Schema.Literals(["Unavailable", "Conflict", "Refused"]),
  cause: Schema.Defect()
}) {}

/** One line on what failed, a store or anything else: drivers wrap what the database said. */
export const describe = (failure: unknown): string => {
  if (failure instanceof StoreError) return describe(failure.cause)
  if (!(failure instanceof Error)) return String(failure)
  return failure.cause instanceof Error ? describe(failure.cause) : failure.message
}
