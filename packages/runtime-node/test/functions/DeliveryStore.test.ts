import { assert, describe, it } from "@effect/vitest"
import { type NewDelivery, DeliveryStore as Service } from "@tributary/pipeline/service/DeliveryStore"
import { Effect, Layer } from "effect"
import { deliveryStoreContract } from "../../../pipeline/test/contract/DeliveryStore.ts"
import * as DeliveryStore from "../../src/functions/DeliveryStore.ts"
import { ProjectsDatabase } from "../../src/postgres/Database.ts"
import * as TestDatabase from "../postgres/TestDatabase.ts"

const onDatabase = DeliveryStore.layer.pipe(Layer.provideMerge(TestDatabase.layer))

deliveryStoreContract("PostgreSQL", onDatabase)

describe("DeliveryStore in PostgreSQL", () => {
  const hook = "00000000-0000-4000-8000-000000000001"
  const delivery = (n: number, hash: string): NewDelivery => ({
    event: `018f3a2e-0000-7000-8000-${String(n).padStart(12, "0")}`,
    function: hook,
    mapping: -1,
    team: 1,
    message: "{}",
    mask: { hash, ttlSeconds: 60, threshold: null }
  })

  it.effect("batches at the same time share their masks and never deadlock, whatever their order", () =>
    Effect.gen(function* () {
      const store = yield* Service
      const hashes = ["a", "b", "c", "d"]
      const batches = Array.from({ length: 12 }, (_, batch) => {
        const deliveries = hashes.map((hash, i) => delivery(batch * 10 + i, hash))
        return batch % 2 === 0 ? deliveries : deliveries.reverse()
      })
      const outcomes = yield* Effect.forEach(batches, store.enqueue, { concurrency: 4 })
      assert.strictEqual(outcomes.flat().filter((outcome) => outcome === "enqueued").length, hashes.length)
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("the same batch twice at the same time is enqueued once, and masks count it once", () =>
    Effect.gen(function* () {
      const store = yield* Service
      const sql = yield* ProjectsDatabase
      const batch = [1, 2, 3].map((n) => delivery(n, `h${n}`))
      const outcomes = yield* Effect.all([store.enqueue(batch), store.enqueue(batch)], { concurrency: 2 })
      assert.deepStrictEqual(outcomes.flat().toSorted(), [
        ...["duplicate", "duplicate", "duplicate"],
        ...["enqueued", "enqueued", "enqueued"]
      ])
      const rows = yield* sql<{ count: bigint }>`SELECT count FROM tributary_mask`
      assert.deepStrictEqual(
        rows.map(({ count }) => count),
        [1n, 1n, 1n]
      )
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("senders at the same time claim different deliveries", () =>
    Effect.gen(function* () {
      const store = yield* Service
      yield* store.enqueue(Array.from({ length: 200 }, (_, n) => ({ ...delivery(n, ""), mask: null })))
      const claims = yield* Effect.forEach(
        Array.from({ length: 10 }),
        () => store.claim({ limit: 20, leaseMs: 60_000, except: [] }),
        { concurrency: 4 }
      )
      const claimed = claims.flat().map(({ event }) => event)
      assert.strictEqual(new Set(claimed).size, claimed.length)
      const rest = yield* store.claim({ limit: 200, leaseMs: 60_000, except: [] })
      assert.strictEqual(claimed.length + rest.length, 200)
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("messages of many megabytes are enqueued in slices of one transaction", () =>
    Effect.gen(function* () {
      const store = yield* Service
      const message = JSON.stringify({ text: "x".repeat(3_000_000) })
      const batch = Array.from({ length: 5 }, (_, n) => ({ ...delivery(n, ""), mask: null, message }))
      assert.deepStrictEqual(new Set(yield* store.enqueue(batch)), new Set(["enqueued"]))
      assert.strictEqual((yield* store.claim({ limit: 1, leaseMs: 1, except: [] }))[0]?.message, message)
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("a finished delivery keeps no message", () =>
    Effect.gen(function* () {
      const store = yield* Service
      const sql = yield* ProjectsDatabase
      yield* store.enqueue([{ ...delivery(1, ""), mask: null, message: "m" }])
      const [leased] = yield* store.claim({ limit: 1, leaseMs: 1000, except: [] })
      if (leased === undefined) return assert.fail("nothing was claimed")
      yield* store.settle([{ ...leased, attempts: 1, result: { _tag: "Finished", state: "delivered" } }])
      const rows = yield* sql<{ message: string; state: string }>`SELECT message, state FROM tributary_delivery`
      assert.deepStrictEqual(rows, [{ message: "", state: "delivered" }])
    }).pipe(Effect.provide(onDatabase))
  )
})
