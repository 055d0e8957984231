/** Runs a transaction until it does not collide: the policy of the store in PostgreSQL (guides postgres 2, 4). */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { StoreError } from "../../service/StoreError.ts"
import type { DbError } from "../database/Engine.ts"

/** Others changed what this transaction had read: roll back and begin again. */
export interface Conflict {
  readonly _tag: "Conflict"
  readonly step: "mapping" | "person" | "distinct id" | "floor" | "group" | "update" | "delete"
}

export const conflict = (step: Conflict["step"]): Conflict => ({ _tag: "Conflict", step })

const maxTries = 10
const hasty = 3

/** 5 ms, doubling, 500 ms at most, each between half of it and the whole. */
const pause = (tries: number) =>
  Effect.flatMap(Random.next, (chance) => Effect.sleep(Math.min(500, 5 * 2 ** tries) * (0.5 + chance / 2)))

const isAway = ({ code }: DbError): boolean => code === "08006" || code === "57P01"
/** Others hold what is wanted for longer than a lock is waited for. */
const isHeld = (error: Conflict | DbError): boolean => error._tag === "DbError" && error.code === "55P03"
const isCrowded = ({ code }: DbError): boolean => code !== "23503"

const storeError = (operation: string, reason: StoreError["reason"], cause: Conflict | DbError): StoreError =>
  new StoreError({ store: "PersonStore", operation, reason, cause })

export const untilSettled = Effect.fnUntraced(function* <A>(
  operation: string,
  attempt: () => Effect.Effect<A, Conflict | DbError>
): Effect.fn.Return<A, StoreError> {
  for (let tries = 1; ; tries++) {
    const result = yield* Effect.result(attempt())
    if (result._tag === "Success") return result.success
    const error = result.failure
    if (error._tag === "DbError" && isAway(error)) return yield* storeError(operation, "Unavailable", error)
    if (tries === maxTries) return yield* storeError(operation, isHeld(error) ? "Unavailable" : "Conflict", error)
    if (tries >= hasty || (error._tag === "DbError" && isCrowded(error))) yield* pause(tries)
  }
})

/** For statements that lock nothing: whatever fails, the server is as good as away. */
export const orUnavailable =
  (store: string, operation: string) =>
  <A, E, R>(self: Effect.Effect<A, E | DbError, R>): Effect.Effect<A, Exclude<E, DbError> | StoreError, R> =>
    Effect.mapError(self, (error) =>
      isDbError(error)
        ? new StoreError({ store, operation, reason: "Unavailable", cause: error })
        : (error as Exclude<E, DbError>)
    )

const isDbError = (error: unknown): error is DbError =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "DbError"
