/**
 * Questions to PostgreSQL about all of a batch at once, of which one may be a question that it refuses for good.
 *
 * Then they are halved until the offender stands alone, and only after some more tries is its refusal the answer: one bad
 * event or project holds up nobody else (spec worker 6.1). While the database is away, the question waits.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Away from "./Away.ts"
import type { Health } from "./Health.ts"
import type { StoreError } from "./StoreError.ts"

/** Keys that were asked for together, and the answer. A failure is that of one key. */
export interface Part<out K, out A> {
  readonly keys: ReadonlyArray<K>
  readonly answer: Result.Result<A, StoreError>
}

/** 0.7 s in all: a lock or a migration may be over by then. */
const onceAlone = Schedule.upTo(Schedule.exponential("100 millis"), { times: 3 })

/** The parts stand in the order of the keys. Without keys nothing is asked. */
export const ask = <K, A, R>(
  keys: ReadonlyArray<K>,
  question: (keys: ReadonlyArray<K>) => Effect.Effect<A, StoreError, R>
): Effect.Effect<ReadonlyArray<Part<K, A>>, never, R | Health> => {
  if (keys.length === 0) return Effect.succeed([])
  const asked = Away.postgresUnavailable(question(keys))
  if (keys.length === 1) {
    return Effect.map(Effect.result(Effect.retry(asked, onceAlone)), (answer) => [{ keys, answer }])
  }
  return Effect.flatMap(Effect.result(asked), (answer) => {
    if (Result.isSuccess(answer)) return Effect.succeed([{ keys, answer }])
    const middle = keys.length >> 1
    const front = ask(keys.slice(0, middle), question)
    return Effect.flatMap(front, (a) => Effect.map(ask(keys.slice(middle), question), (b) => [...a, ...b]))
  })
}

export interface Found<K, V> {
  readonly found: ReadonlyMap<K, V>
  readonly refused: ReadonlyMap<K, StoreError>
}

/** Rows by key. */
export const lookUp = <K, V, R>(
  keys: ReadonlySet<K>,
  question: (keys: ReadonlySet<K>) => Effect.Effect<ReadonlyMap<K, V>, StoreError, R>
): Effect.Effect<Found<K, V>, never, R | Health> =>
  Effect.map(
    ask([...keys], (some) => question(new Set(some))),
    (parts) => {
      const found = new Map<K, V>()
      const refused = new Map<K, StoreError>()
      for (const { answer, keys: asked } of parts) {
        if (Result.isSuccess(answer)) for (const [key, value] of answer.success) found.set(key, value)
        else for (const key of asked) refused.set(key, answer.failure)
      }
      return { found, refused }
    }
  )
