import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Deliver from "@tributary/pipeline/deliver/Deliver"
import { DeliveryStore, keyOf } from "@tributary/pipeline/service/DeliveryStore"
import { EventLogError } from "@tributary/pipeline/service/EventLog"
import * as OutboundMemory from "@tributary/pipeline/service/memory/OutboundMemory"
import { Producer } from "@tributary/pipeline/service/Producer"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import { Effect, Layer, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import * as Spans from "../support/Spans.ts"
import { aHook, aMessage, aWorld, textOf, uuid } from "./fixtures.ts"

const options = { siteUrl: "" }

const append = (...numbers: ReadonlyArray<number>) =>
  Producer.use((producer) =>
    producer.send(
      numbers.map((n) => ({
        topic: Topics.clickhouseEvents,
        key: uuid(n),
        value: textOf(aMessage({ uuid: uuid(n), properties: { n } })),
        headers: []
      }))
    )
  )

/** Lets everything happen that happens in so many seconds, in steps of so many milliseconds. */
const pass = (seconds: number, stepMs = 250) =>
  Effect.forEach(Array.from({ length: (seconds * 1000) / stepMs }), () => TestClock.adjust(stepMs), { discard: true })

const committed = (world: ReturnType<typeof aWorld>) => world.log.committed(Deliver.group, Topics.clickhouseEvents, 0)

describe("delivery", () => {
  it.effect("takes events from the log to their destinations, and commits", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      yield* Effect.gen(function* () {
        yield* Deliver.run(options)
        yield* append(1, 2, 3)
        yield* pass(1)
      }).pipe(Effect.scoped, Effect.provide(world.layer))
      assert.strictEqual(world.sent.length, 3)
      assert.strictEqual(committed(world), 3n)
      assert.deepStrictEqual(world.metrics(), { triggered: 3, fetch: 3, succeeded: 3 })
    })
  )

  it.effect("has spans of batches and rounds, however many deliveries they have", () =>
    Effect.gen(function* () {
      const spans = Spans.collect()
      const world = aWorld([aHook()])
      yield* Effect.gen(function* () {
        yield* Deliver.run(options)
        yield* append(1, 2, 3)
        yield* pass(1)
      }).pipe(Effect.scoped, Effect.provide(world.layer), spans.traced)
      assert.deepStrictEqual(spans.paths().toSorted(), [
        "Consumer.batch",
        "Consumer.batch > Consumer.commit",
        "Consumer.batch > Deliver.match",
        "Consumer.batch > Deliver.match > Deliver.enqueue",
        "Deliver.prepare",
        "Deliver.send",
        "Deliver.settle"
      ])
      assert.deepStrictEqual(spans.attributes("Deliver.send"), [{ deliveries: 3 }])
    })
  )

  it.effect("logs a line a minute of a function whose deliveries cannot be enqueued, with how many there were", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ fiber, message }) => {
        if (String(message).includes("left out")) lines.push(fiber.getRef(References.CurrentLogAnnotations)["leftOut"])
      })
      const world = aWorld([aHook()])
      const refusing = Layer.effect(
        DeliveryStore,
        DeliveryStore.use((store) => {
          const cause = new Error("refused")
          const refused = new StoreError({ store: "any", operation: "enqueue", reason: "Refused", cause })
          return Effect.succeed(DeliveryStore.of({ ...store, enqueue: () => Effect.fail(refused) }))
        })
      ).pipe(Layer.provideMerge(world.layer))
      yield* Effect.gen(function* () {
        yield* Deliver.run(options)
        yield* append(1, 2, 3)
        yield* pass(10)
        assert.deepStrictEqual(lines, [undefined])
        yield* pass(60, 1_000)
        yield* append(4)
        yield* pass(10)
        assert.deepStrictEqual(lines, [undefined, 2])
        assert.strictEqual(committed(world), 4n)
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(refusing, Logger.layer([logger]))))
    })
  )

  it.effect("D52, D56: a crash between enqueuing and committing repeats nothing, masked or not", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook(), aHook({}, { masking: { hash: "{event.distinct_id}" } })])
      yield* Effect.gen(function* () {
        world.log.faults.commit = Effect.never
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Deliver.run(options)
            yield* append(1)
            yield* pass(1)
            assert.strictEqual(world.sent.length, 2)
          }).pipe(Effect.timeoutOption("1 minute"))
        ).pipe(Effect.forkChild, Effect.andThen(pass(120, 1_000)))
        assert.isUndefined(committed(world))
        world.log.faults.commit = Effect.void
        yield* Effect.scoped(Effect.andThen(Deliver.run(options), pass(120, 1_000)))
        assert.strictEqual(committed(world), 1n)
      }).pipe(Effect.provide(world.layer))
      assert.strictEqual(world.deliveries.size, 2)
      assert.strictEqual(world.sent.length, 2)
    })
  )

  it.effect("D53: a destination that stands still holds up neither matching nor other destinations", () =>
    Effect.gen(function* () {
      const slow = aHook({ url: "https://slow.example/" })
      const world = aWorld([slow, aHook()])
      let isStanding = true
      world.outside.answer = ({ url }) =>
        url.startsWith("https://slow") && isStanding
          ? Effect.delay(Effect.succeed({ status: 503, body: "", retryAfter: "300" }), "10 seconds")
          : Effect.succeed(OutboundMemory.ok)
      yield* Effect.gen(function* () {
        yield* Deliver.run(options)
        for (let i = 0; i < 5; i++) {
          yield* append(...Array.from({ length: 40 }, (_, n) => i * 40 + n))
          yield* pass(1)
        }
        assert.strictEqual(committed(world), 200n)
        assert.strictEqual(world.sent.filter(({ url }) => url.startsWith("https://hooks")).length, 200)
        isStanding = false
        yield* pass(600, 5_000)
      }).pipe(Effect.scoped, Effect.provide(world.layer))
      assert.strictEqual(
        [...world.deliveries.values()].filter(({ finished }) => finished?.state === "delivered").length,
        400
      )
    })
  )

  it.effect("D11: while the database is away everything waits, and goes on when it is back", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      let isAway = true
      const away = <A>(self: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> =>
        Effect.suspend(() => {
          const cause = new Error("away")
          return isAway
            ? Effect.fail(new StoreError({ store: "DeliveryStore", operation: "any", reason: "Unavailable", cause }))
            : self
        })
      const flaky = Layer.effect(
        DeliveryStore,
        Effect.map(DeliveryStore, (store) =>
          DeliveryStore.of({
            enqueue: (deliveries) => away(store.enqueue(deliveries)),
            claim: (claim) => away(store.claim(claim)),
            settle: (settlements) => away(store.settle(settlements)),
            forget: (before) => away(store.forget(before))
          })
        )
      )
      yield* Effect.gen(function* () {
        yield* Deliver.run(options)
        yield* append(1)
        yield* pass(120, 1_000)
        assert.isUndefined(committed(world))
        isAway = false
        yield* pass(20, 1_000)
      }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(flaky, world.layer)))
      assert.strictEqual(world.sent.length, 1)
      assert.strictEqual(committed(world), 1n)
    })
  )

  it.effect("waits for the log likewise", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      yield* Effect.gen(function* () {
        world.log.faults.poll = new EventLogError({ operation: "poll", cause: new Error("away") })
        yield* Deliver.run(options)
        yield* append(1)
        yield* pass(60, 1_000)
        assert.strictEqual(world.sent.length, 0)
        world.log.faults.poll = Effect.void
        yield* pass(15)
      }).pipe(Effect.scoped, Effect.provide(world.layer))
      assert.strictEqual(world.sent.length, 1)
    })
  )

  it.effect("when it is asked to stop, attempts in hand are finished and settled", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      world.outside.answer = () => Effect.delay(Effect.succeed(OutboundMemory.ok), "5 seconds")
      yield* Effect.gen(function* () {
        yield* append(1)
        yield* Effect.forkChild(Effect.scoped(Effect.andThen(Deliver.run(options), Effect.sleep("2 seconds"))))
        yield* pass(10)
      }).pipe(Effect.provide(world.layer))
      assert.deepStrictEqual(
        [...world.deliveries.values()].map(({ finished }) => finished?.state),
        ["delivered"]
      )
    })
  )

  it.effect("D57: a delivery that was finished eight days ago is forgotten, one of six days ago is known", () =>
    Effect.gen(function* () {
      const hook = aHook()
      const world = aWorld([hook])
      const dayMs = 24 * 3_600_000
      for (const [event, days] of [
        [uuid(1), 6],
        [uuid(2), 8]
      ] as const) {
        const key = { event, function: hook.id, mapping: -1 }
        world.deliveries.set(keyOf(key), {
          ...key,
          team: 1,
          message: "",
          attempts: 1,
          dueAt: 0,
          finished: { state: "delivered", at: -days * dayMs }
        })
      }
      yield* Effect.gen(function* () {
        yield* Deliver.run(options)
        yield* pass(1)
        assert.deepStrictEqual(
          [...world.deliveries.values()].map(({ event }) => event),
          [uuid(1)]
        )
        yield* append(1)
        yield* pass(1)
      }).pipe(Effect.scoped, Effect.provide(world.layer))
      assert.strictEqual(world.sent.length, 0)
    })
  )

  it.effect("a destination with a bug fails its delivery and no other", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook({ url: "https://bug.example/" }), aHook()])
      world.outside.answer = ({ url }) =>
        url.startsWith("https://bug") ? Effect.die(new Error("a bug")) : Effect.succeed(OutboundMemory.ok)
      yield* Effect.gen(function* () {
        yield* Deliver.run(options)
        yield* append(1, 2)
        yield* pass(1)
      }).pipe(Effect.scoped, Effect.provide(world.layer))
      assert.deepStrictEqual(world.metrics(), { triggered: 4, fetch: 2, succeeded: 2, failed: 2 })
    })
  )
})
