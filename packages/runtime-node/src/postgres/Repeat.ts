/**
 * Runs a transaction until it does not collide (guides postgres 2, 4).
 *
 * Conflicts are repeated at once; deadlocks and waits that took too long after a pause; from the fourth try on both pause,
 * with jitter. After the tenth the caller is told to divide its work, or to wait, where it is a lock that others do not let go
 * of: no event is to blame for that. Whatever else goes wrong is told at once. An answer to COMMIT that was lost counts as a
 * server that is away: whoever runs the batch again finds it applied, or not.
 */
import { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as SqlError from "effect/sql/SqlError"
import * as SqlFailure from "./SqlFailure.ts"

/** Others changed what this transaction had read: roll back and begin again. */
export class Conflict extends Data.TaggedError("Conflict")<{
  readonly step: "mapping" | "person" | "distinct id" | "floor" | "group" | "update" | "delete"
}> {}

const maxTries = 10

/** Tries that follow at once. */
const hasty = 3

/** 5 ms, doubling, 500 ms at most, each between half of it and the whole. */
const pause = (tries: number) =>
  Effect.flatMap(Random.next, (chance) => {
    const most = Math.min(500, 5 * 2 ** tries)
    return Effect.sleep(most * (0.5 + chance / 2))
  })

/**
 * `attempt` is one whole transaction, its parameter the conflict of the try before. `onRepeat` runs before each
 * repetition.
 */
export const untilSettled = Effect.fnUntraced(function* <A>(
  store: string,
  operation: string,
  attempt: (before: Conflict | undefined) => Effect.Effect<A, Conflict | SqlError.SqlError>,
  onRepeat: Effect.Effect<void>
): Effect.fn.Return<A, StoreError> {
  let before: Conflict | undefined
  for (let tries = 1; ; tries++) {
    const result = yield* Effect.result(SqlFailure.typed(attempt(before)))
    if (Result.isSuccess(result)) return result.success
    const error = result.failure
    if (SqlError.isSqlError(error)) {
      const failure = SqlFailure.classify(error)
      if (failure === "away" || failure === "refused" || tries === maxTries) {
        return yield* SqlFailure.toStoreError(store, operation)(error)
      }
      if (failure === "crowded" || failure === "held" || tries >= hasty) yield* pause(tries)
    } else {
      if (tries === maxTries) return yield* new StoreError({ store, operation, reason: "Conflict", cause: error })
      before = error
      if (tries >= hasty) yield* pause(tries)
    }
    yield* onRepeat
  }
})
