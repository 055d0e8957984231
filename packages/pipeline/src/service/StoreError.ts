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

/** One line on what failed, a store or anything else. */
export const describe = (failure: unknown): string => {
  const inner = failure instanceof StoreError ? failure.cause : failure
  return inner instanceof Error ? inner.message : String(inner)
}
