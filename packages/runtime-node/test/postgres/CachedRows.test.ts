import { assert, describe, it } from "@effect/vitest"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as CachedRows from "../../src/postgres/CachedRows.ts"

const away = new StoreError({ store: "Test", operation: "load", reason: "Unavailable", cause: new Error("away") })

/** A table that counts its queries, can be away, and answers when `answer` is there. */
const aTable = Effect.gen(function* () {
  const rows = new Map<string, string>()
  const queries: Array<ReadonlyArray<string>> = []
  const state = { isAway: false, answer: undefined as Deferred.Deferred<void> | undefined }
  const cache = yield* CachedRows.make<string, string>({
    capacity: 3,
    hitMs: 1_000,
    jitterMs: 0,
    missMs: 100,
    retryMs: 50,
    load: Effect.fnUntraced(function* (keys) {
      queries.push(keys)
      if (state.answer !== undefined) yield* Deferred.await(state.answer)
      if (state.isAway) return yield* away
      return new Map(keys.flatMap((key) => (rows.has(key) ? [[key, rows.get(key)!]] : [])))
    })
  })
  return { rows, queries, state, cache }
})

describe("CachedRows", () => {
  it.effect("all keys that are not cached are one query, and concurrent askers share it", () =>
    Effect.gen(function* () {
      const { cache, queries, rows } = yield* aTable
      rows.set("a", "A")
      const found = yield* Effect.all([cache.get(["a", "b"]), cache.get(["a"]), cache.get(["b", "c"])], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(queries, [["a", "b"], ["c"]])
      assert.deepStrictEqual(found[0], new Map([["a", "A"], ["b", undefined]])) // biome-ignore format: one line a map
      assert.strictEqual(found[1].get("a"), "A")
      yield* cache.get(["a", "b", "c"])
      assert.strictEqual(queries.length, 2)
    })
  )

  it.effect("a hit and a miss each have a lifetime of their own", () =>
    Effect.gen(function* () {
      const { cache, queries } = yield* aTable
      yield* cache.get(["a"])
      yield* TestClock.adjust(99)
      yield* cache.get(["a"])
      assert.strictEqual(queries.length, 1)
      assert.isNull(cache.peek("a"))
      yield* TestClock.adjust(1)
      assert.isUndefined(cache.peek("a"))
      yield* cache.get(["a"])
      assert.strictEqual(queries.length, 2)
    })
  )

  it.effect("while the table is away hits serve however old, and only other keys fail", () =>
    Effect.gen(function* () {
      const { cache, queries, rows, state } = yield* aTable
      rows.set("a", "A")
      yield* cache.get(["a", "b"])
      state.isAway = true
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* cache.get(["a"])).get("a"), "A")
      assert.strictEqual(cache.peek("a"), "A")
      assert.strictEqual((yield* Effect.flip(cache.get(["a", "b"]))).reason, "Unavailable")
      const tried = queries.length
      yield* cache.get(["a"])
      assert.strictEqual(queries.length, tried, "not asked again at once")
      state.isAway = false
      rows.set("a", "B")
      yield* TestClock.adjust(50)
      assert.strictEqual((yield* cache.get(["a"])).get("a"), "B")
    })
  )

  it.effect("an asker that is interrupted takes nobody's answer away", () =>
    Effect.gen(function* () {
      const { cache, rows, state } = yield* aTable
      rows.set("a", "A")
      const answer = yield* Deferred.make<void>()
      state.answer = answer
      const first = yield* Effect.forkChild(cache.get(["a"]), { startImmediately: true })
      const second = yield* Effect.forkChild(cache.get(["a"]), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* Deferred.done(answer, Exit.void)
      assert.strictEqual((yield* Fiber.join(second)).get("a"), "A")
    })
  )

  it.effect("what was used least recently goes first", () =>
    Effect.gen(function* () {
      const { cache, queries, rows } = yield* aTable
      for (const key of ["a", "b", "c", "d"]) rows.set(key, key)
      yield* cache.get(["a", "b", "c"])
      yield* cache.get(["a"])
      yield* cache.get(["d"])
      assert.isUndefined(cache.peek("b"))
      yield* cache.get(["a", "c", "d"])
      assert.strictEqual(queries.length, 2)
    })
  )
})
