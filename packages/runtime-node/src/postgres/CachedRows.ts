/**
 * Rows by key, remembered (spec worker 1.4).
 *
 * A hit is fresh for `hitMs` and up to `jitterMs` more, a miss for `missMs`. Keys that are not fresh are loaded together, in
 * one call, and shared with whoever asks meanwhile; the load goes on when the asker is interrupted. While loading fails,
 * hits serve however old they are, and are tried again `retryMs` later; other keys fail. The least recently used go first.
 */
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"

export interface CachedRows<K, V> {
  /** The value of each key; undefined for keys without a row. Cached keys cost no I/O. */
  readonly get: (keys: Iterable<K>) => Effect.Effect<ReadonlyMap<K, V | undefined>, StoreError>
  /** A hit, however old; null for a fresh miss; undefined where nothing is known. */
  readonly peek: (key: K) => V | null | undefined
}

export interface CachedRowsOptions<K, V> {
  /** The rows that there are, in one query. */
  readonly load: (keys: ReadonlyArray<K>) => Effect.Effect<ReadonlyMap<K, V>, StoreError>
  readonly capacity: number
  readonly hitMs: number
  readonly jitterMs: number
  readonly missMs: number
  readonly retryMs: number
}

interface Entry<V> {
  readonly value: V | undefined
  readonly freshUntil: number
}

export const make = <K, V>(options: CachedRowsOptions<K, V>): Effect.Effect<CachedRows<K, V>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const scope = yield* Effect.scope
    // Insertion order is the order of use: an entry that is used is put in again.
    const entries = new Map<K, Entry<V>>()
    type Loading = Deferred.Deferred<ReadonlyMap<K, V>, StoreError>
    const loading = new Map<K, Loading>()

    const put = (key: K, entry: Entry<V>): void => {
      entries.delete(key)
      entries.set(key, entry)
      if (entries.size > options.capacity) for (const oldest of entries.keys()) return void entries.delete(oldest)
    }

    const remember = Effect.fnUntraced(function* (keys: ReadonlyArray<K>, rows: ReadonlyMap<K, V>) {
      const now = clock.currentTimeMillisUnsafe()
      for (const key of keys) {
        const value = rows.get(key)
        const ttl = value === undefined ? options.missMs : options.hitMs + (yield* Random.next) * options.jitterMs
        put(key, { value, freshUntil: now + ttl })
      }
    })

    const keepStale = (keys: ReadonlyArray<K>) =>
      Effect.sync(() => {
        const freshUntil = clock.currentTimeMillisUnsafe() + options.retryMs
        for (const key of keys) {
          const entry = entries.get(key)
          if (entry?.value !== undefined) entries.set(key, { value: entry.value, freshUntil })
        }
      })

    const start = Effect.fnUntraced(function* (keys: ReadonlyArray<K>) {
      const done: Loading = yield* Deferred.make<ReadonlyMap<K, V>, StoreError>()
      for (const key of keys) loading.set(key, done)
      const load = Effect.suspend(() => options.load(keys)).pipe(
        Effect.tap((rows) => remember(keys, rows)),
        Effect.tapError(() => keepStale(keys)),
        Effect.onExit((exit) => {
          for (const key of keys) loading.delete(key)
          return Deferred.done(done, exit)
        })
      )
      yield* Effect.forkIn(load, scope)
      return done
    })

    const get = (keys: Iterable<K>): Effect.Effect<ReadonlyMap<K, V | undefined>, StoreError> =>
      Effect.suspend(() => {
        const now = clock.currentTimeMillisUnsafe()
        const known = new Map<K, V | undefined>()
        const waiting = new Map<K, Loading>()
        const absent: Array<K> = []
        for (const key of keys) {
          const entry = entries.get(key)
          const others = loading.get(key)
          if (entry !== undefined && entry.freshUntil > now) {
            put(key, entry)
            known.set(key, entry.value)
          } else if (others !== undefined) waiting.set(key, others)
          else absent.push(key)
        }
        return absent.length === 0 && waiting.size === 0 ? Effect.succeed(known) : collect(known, waiting, absent)
      })

    const collect = Effect.fnUntraced(function* (
      known: Map<K, V | undefined>,
      waiting: Map<K, Loading>,
      absent: ReadonlyArray<K>
    ) {
      if (absent.length > 0) {
        const own = yield* Effect.uninterruptible(start(absent))
        for (const key of absent) waiting.set(key, own)
      }
      for (const [key, done] of waiting) {
        const exit = yield* Effect.exit(Deferred.await(done))
        const stale = entries.get(key)?.value
        if (Exit.isSuccess(exit)) known.set(key, exit.value.get(key))
        else if (stale !== undefined) known.set(key, stale)
        else return yield* exit
      }
      return known
    })

    const peek = (key: K): V | null | undefined => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (entry.value !== undefined) return entry.value
      return entry.freshUntil > clock.currentTimeMillisUnsafe() ? null : undefined
    }

    return { get, peek }
  })
