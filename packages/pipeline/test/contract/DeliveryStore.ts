/** What every layer of `DeliveryStore` promises. The clock is virtual. */
import { assert, layer } from "@effect/vitest"
import {
  DeliveryStore,
  type Leased,
  type NewDelivery,
  type Settlement
} from "@tributary/pipeline/service/DeliveryStore"
import { Effect, type Layer } from "effect"
import { TestClock } from "effect/testing"

const uuid = (n: number): string => `018f3a2e-0000-7000-8000-${String(n).padStart(12, "0")}`
const hook = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`

let events = 0

/** Each of an event of its own, unless told. */
const aDelivery = (more: Partial<NewDelivery> = {}): NewDelivery => {
  events += 1
  return { event: uuid(events), function: hook(1), mapping: -1, team: 1, message: '{"event":"ü"}', mask: null, ...more }
}

const claim = (limit = 100, except: ReadonlyArray<string> = []) =>
  DeliveryStore.use((store) => store.claim({ limit, leaseMs: 60_000, except }))
const enqueue = (...deliveries: ReadonlyArray<NewDelivery>) => DeliveryStore.use((store) => store.enqueue(deliveries))
const settle = (leased: Leased, result: Settlement["result"], attempts = 1) =>
  DeliveryStore.use((store) => store.settle([{ ...leased, attempts, result }]))

const delivered: Settlement["result"] = { _tag: "Finished", state: "delivered" }

/** Leaves nothing behind for the test after it. */
const finishAll = Effect.gen(function* () {
  yield* TestClock.adjust("1 hour")
  for (const leased of yield* claim(1000)) yield* settle(leased, delivered)
})

const weekMs = 7 * 24 * 3_600_000

export const deliveryStoreContract = <E>(name: string, implementation: Layer.Layer<DeliveryStore, E>) =>
  layer(implementation)(`DeliveryStore: ${name}`, (it) => {
    it.effect("what was enqueued can be claimed, once, as it was", () =>
      Effect.gen(function* () {
        const delivery = aDelivery({ mapping: 2, team: 7 })
        assert.deepStrictEqual(yield* enqueue(delivery), ["enqueued"])
        const [leased, ...more] = yield* claim()
        const { mask: _, ...same } = delivery
        assert.deepInclude(leased, { ...same, attempts: 0 })
        assert.deepStrictEqual(more, [])
        assert.deepStrictEqual(yield* claim(), [])
        yield* finishAll
      })
    )

    it.effect("nothing at all is enqueued, claimed and settled", () =>
      Effect.gen(function* () {
        const store = yield* DeliveryStore
        assert.deepStrictEqual(yield* store.enqueue([]), [])
        assert.deepStrictEqual(yield* claim(), [])
        yield* store.settle([])
      })
    )

    it.effect("D51, D52: an event that comes again is known, in the same batch and later, each mapping by itself", () =>
      Effect.gen(function* () {
        const one = aDelivery({ mapping: 0 })
        const two = { ...one, mapping: 1 }
        assert.deepStrictEqual(yield* enqueue(one, one, two), ["enqueued", "duplicate", "enqueued"])
        assert.deepStrictEqual(yield* enqueue(two, { ...two, function: hook(2) }), ["duplicate", "enqueued"])
        assert.strictEqual((yield* claim()).length, 3)
        yield* finishAll
        assert.deepStrictEqual(yield* enqueue(one), ["duplicate"])
      })
    )

    it.effect("a sender that disappears loses its lease, and what it says then does not count", () =>
      Effect.gen(function* () {
        yield* enqueue(aDelivery())
        const [first] = yield* claim()
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(yield* claim(), [])
        yield* TestClock.adjust("1 second")
        const [second] = yield* claim()
        if (first === undefined || second === undefined) return assert.fail("nothing was claimed")
        yield* settle(first, { _tag: "Finished", state: "failed" })
        yield* settle(second, { _tag: "Again", dueAt: 0 }, 2)
        assert.strictEqual((yield* claim())[0]?.attempts, 2)
        yield* finishAll
      })
    )

    it.effect("another attempt waits for its time and remembers how many there were", () =>
      Effect.gen(function* () {
        yield* enqueue(aDelivery())
        const [leased] = yield* claim()
        if (leased === undefined) return assert.fail("nothing was claimed")
        yield* settle(leased, { _tag: "Again", dueAt: leased.leaseEnd + 60_000 }, 1)
        yield* TestClock.adjust("119 seconds")
        assert.deepStrictEqual(yield* claim(), [])
        yield* TestClock.adjust("1 second")
        assert.deepInclude((yield* claim())[0], { event: leased.event, message: leased.message, attempts: 1 })
        yield* finishAll
      })
    )

    it.effect("the longest due come first, no more than asked for, and none of the functions that are left out", () =>
      Effect.gen(function* () {
        const [a, b, c] = [aDelivery(), aDelivery({ function: hook(2) }), aDelivery()]
        for (const delivery of [c, b, a]) {
          yield* enqueue(delivery)
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual(
          (yield* claim(1)).map(({ event }) => event),
          [c.event]
        )
        assert.deepStrictEqual(
          (yield* claim(5, [hook(2)])).map(({ event }) => event),
          [a.event]
        )
        assert.deepStrictEqual(
          (yield* claim(5)).map(({ event }) => event),
          [b.event]
        )
        yield* finishAll
      })
    )

    it.effect("D57: a finished row is there for as long as it is asked to be", () =>
      Effect.gen(function* () {
        const store = yield* DeliveryStore
        const [finished, open] = [aDelivery(), aDelivery()]
        yield* enqueue(finished, open)
        for (const leased of yield* claim()) {
          yield* settle(
            leased,
            leased.event === finished.event ? delivered : { _tag: "Again", dueAt: Number.MAX_SAFE_INTEGER / 1e4 }
          )
        }
        const at = yield* now
        yield* TestClock.adjust("6 days")
        yield* store.forget((yield* now) - weekMs)
        assert.deepStrictEqual(yield* enqueue(finished), ["duplicate"])
        yield* TestClock.adjust("2 days")
        assert.isAbove((yield* now) - weekMs, at)
        yield* store.forget((yield* now) - weekMs)
        assert.deepStrictEqual(yield* enqueue(finished, open), ["enqueued", "duplicate"])
        yield* finishAll
      })
    )

    const masked = (n: number, threshold: number | null, more: Partial<NewDelivery> = {}) =>
      aDelivery({ function: hook(100 + n), mask: { hash: `h${n}`, ttlSeconds: 60, threshold }, ...more })

    it.effect("D8: a mask without a threshold lets the first of its window pass", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* enqueue(masked(1, null), masked(1, null), masked(1, null)), [
          "enqueued",
          "masked",
          "masked"
        ])
        assert.deepStrictEqual(yield* enqueue(masked(1, null)), ["masked"])
        yield* finishAll
      })
    )

    it.effect("D9: a mask with a threshold lets every n-th pass, or the first ones of a batch", () =>
      Effect.gen(function* () {
        const apart: Array<string> = []
        for (let i = 0; i < 5; i++) apart.push(...(yield* enqueue(masked(2, 2))))
        assert.deepStrictEqual(apart, ["enqueued", "masked", "enqueued", "masked", "enqueued"])
        const together = yield* enqueue(...Array.from({ length: 5 }, () => masked(3, 2)))
        assert.deepStrictEqual(together, ["enqueued", "enqueued", "enqueued", "masked", "masked"])
        yield* finishAll
      })
    )

    it.effect("a window is not moved by later occurrences, and when it is over the next one begins", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* enqueue(masked(4, null)), ["enqueued"])
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(yield* enqueue(masked(4, null)), ["masked"])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* enqueue(masked(4, null)), ["enqueued"])
        yield* TestClock.adjust("59 seconds")
        yield* DeliveryStore.use((store) => store.forget(0))
        assert.deepStrictEqual(yield* enqueue(masked(4, null)), ["masked"])
        yield* finishAll
      })
    )

    it.effect("D56: an event that is enqueued already raises no mask; masks of functions are apart", () =>
      Effect.gen(function* () {
        const one = masked(5, 2)
        assert.deepStrictEqual(yield* enqueue(one), ["enqueued"])
        for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* enqueue(one), ["duplicate"])
        assert.deepStrictEqual(yield* enqueue(masked(5, 2)), ["masked"])
        assert.deepStrictEqual(yield* enqueue(masked(5, 2, { function: hook(999) })), ["enqueued"])
        yield* finishAll
      })
    )
  })

const now = Effect.clockWith((clock) => clock.currentTimeMillis)
