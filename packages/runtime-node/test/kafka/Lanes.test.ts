/** The lanes against a client whose answers are scripted, on a virtual clock. */
import { assert, describe, it } from "@effect/vitest"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import { Deferred, Effect, Exit, Fiber, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import { collect } from "../../../pipeline/test/support/Spans.ts"
import type { LaneBatch, LaneClient, NoPartitions, Outcome } from "../../src/kafka/LaneClient.ts"
import * as Lanes from "../../src/kafka/Lanes.ts"

const topic = "events_plugin_ingestion"
const partitions = 4

const textOf = (batch: LaneBatch) => batch.messages.map(({ message }) => String(message.value))

/** A client that stores what it is sent, unless `answer` says otherwise. */
const fake = (answer: (batch: LaneBatch, send: number) => Effect.Effect<Outcome>, over: Partial<LaneClient> = {}) => {
  const stored: Array<{ partition: number; values: ReadonlyArray<string> }> = []
  const sends: Array<ReadonlyArray<number>> = []
  const inFlight = new Set<number>()
  const client: LaneClient = {
    batchesPerSend: 100,
    partitions: () => Effect.succeed(partitions),
    send: (batches) =>
      Effect.suspend(() => {
        const send = sends.push(batches.map(({ partition }) => partition)) - 1
        return Effect.forEach(
          batches,
          (batch) => {
            assert.isFalse(inFlight.has(batch.partition), "one send in flight for a partition")
            inFlight.add(batch.partition)
            return Effect.tap(answer(batch, send), (outcome) =>
              Effect.sync(() => {
                inFlight.delete(batch.partition)
                if (outcome._tag === "Stored") stored.push({ partition: batch.partition, values: textOf(batch) })
              })
            )
          },
          { concurrency: "unbounded" }
        )
      }),
    ...over
  }
  const values = () => stored.flatMap((batch) => batch.values)
  return { client, stored, sends, values }
}

const storedOutcome: Outcome = { _tag: "Stored" }
const always = () => Effect.succeed(storedOutcome)
const away = (unknown = false): Outcome => ({ _tag: "Unavailable", cause: "broker is away", unknown })

/** Keys of different partitions. */
const keys = Array.from({ length: partitions }, (_, partition) => {
  for (let i = 0; ; i++) if (partitionOf(Buffer.from(`k${i}`), partitions) === partition) return `k${i}`
})

const aMessage = (value: string, key: string | null = keys[0]!): LogMessage => ({ topic, key, value, headers: [] })
const numbered = (count: number, key?: string) => Array.from({ length: count }, (_, i) => aMessage(`${i}`, key))

/** Lets time pass in small steps, so that what one makes due is due in the next. */
const pass = (ms: number) => Effect.forEach(Array.from({ length: Math.ceil(ms / 20) }), () => TestClock.adjust(20))

const lanes = (client: LaneClient, gatherMs = 0) => Lanes.make(client, { gatherMs })

describe("the lanes of the producer", () => {
  it.effect("acknowledge what the client stored", () =>
    Effect.gen(function* () {
      const { client, stored } = fake(always)
      const producer = yield* lanes(client)
      assert.deepStrictEqual(yield* producer.send(keys.map((key) => aMessage("v", key))), [])
      assert.deepStrictEqual(stored.map(({ partition }) => partition).sort(), [0, 1, 2, 3])
    })
  )

  it.effect("put the batches of all free lanes into one send, or each into one of its own", () =>
    Effect.gen(function* () {
      for (const [batchesPerSend, expected] of [
        [100, [[0, 1, 2, 3]]],
        [1, [[0], [1], [2], [3]]]
      ] as const) {
        const { client, sends } = fake(always)
        const producer = yield* lanes({ ...client, batchesPerSend })
        yield* producer.send(keys.map((key) => aMessage("v", key)))
        assert.deepStrictEqual<unknown>(sends, expected)
      }
    })
  )

  it.effect("are told of as one span a send, whoever gave what is in it", () =>
    Effect.gen(function* () {
      const { client } = fake(always)
      const spans = collect()
      yield* Effect.gen(function* () {
        const producer = yield* lanes(client, 50)
        const calls = keys.map((key) => producer.send([aMessage("v", key)]))
        const sent = yield* Effect.forkChild(Effect.all(calls, { concurrency: "unbounded" }))
        yield* TestClock.adjust(50)
        yield* Fiber.join(sent)
      }).pipe(spans.traced)
      assert.deepStrictEqual(spans.attributes("Producer.send"), [{ batches: 4, messages: 4 }])
    })
  )

  it.effect("gather for a while, but not when a batch is full", () =>
    Effect.gen(function* () {
      const { client, sends, values } = fake(always)
      const producer = yield* lanes(client, 50)
      const first = yield* Effect.forkChild(producer.send([aMessage("a")]))
      yield* TestClock.adjust(49)
      const second = yield* Effect.forkChild(producer.send([aMessage("b")]))
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(sends, [])
      yield* TestClock.adjust(1)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual([sends.length, values()], [1, ["a", "b"]])
      yield* producer.send(numbered(500))
      assert.strictEqual(sends.length, 2)
    })
  )

  it.effect("cut batches at 500 messages and 900 KB", () =>
    Effect.gen(function* () {
      const { client, stored } = fake(always)
      const producer = yield* lanes(client)
      yield* producer.send(numbered(1_200))
      assert.deepStrictEqual(
        stored.map(({ values }) => values.length),
        [500, 500, 200]
      )
      yield* producer.send(Array.from({ length: 5 }, () => aMessage("x".repeat(400_000))))
      assert.deepStrictEqual(
        stored.slice(3).map(({ values }) => values.length),
        [2, 2, 1]
      )
    })
  )

  it.effect("keep the order of a key through failures, and send nothing past a batch that failed", () =>
    Effect.gen(function* () {
      const { client, values } = fake((_, send) => Effect.succeed(send % 3 === 2 ? storedOutcome : away()))
      const producer = yield* lanes(client)
      const all = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 10 }, (_, i) => i),
          (i) => producer.send([aMessage(`${2 * i}`), aMessage(`${2 * i + 1}`)]),
          { concurrency: "unbounded" }
        )
      )
      yield* pass(10000)
      yield* Fiber.join(all)
      assert.deepStrictEqual(
        values(),
        Array.from({ length: 20 }, (_, i) => `${i}`)
      )
    })
  )

  it.effect("send a lane that failed alone, so that the others go on", () =>
    Effect.gen(function* () {
      const { client, sends } = fake((batch, send) =>
        Effect.succeed(batch.partition === 0 && send === 0 ? away() : storedOutcome)
      )
      const producer = yield* lanes(client)
      const both = yield* Effect.forkChild(producer.send([aMessage("a", keys[0]), aMessage("b", keys[1])]))
      yield* pass(1000)
      yield* Fiber.join(both)
      assert.deepStrictEqual(sends, [[0, 1], [0]])
    })
  )

  it.effect("fail a call after 20 s, and keep its lane closed until the send has ended", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<Outcome>()
      const { client, sends, values } = fake((_, send) => (send === 0 ? Deferred.await(answer) : always()))
      const producer = yield* lanes(client)
      const late = yield* Effect.forkChild(Effect.flip(producer.send([aMessage("late")])))
      yield* pass(21000)
      assert.strictEqual((yield* Fiber.join(late)).reason, "Unavailable")
      const next = yield* Effect.forkChild(producer.send([aMessage("next")]))
      yield* pass(5000)
      assert.strictEqual(sends.length, 1)
      yield* Deferred.succeed(answer, away(true))
      yield* pass(1000)
      yield* Fiber.join(next)
      // Nobody waits for the first one any more.
      assert.deepStrictEqual(values(), ["next"])
    })
  )

  it.effect("reject only the message that is too large, and store the others in order", () =>
    Effect.gen(function* () {
      for (const bad of [0, 3, 6]) {
        const { client, values } = fake((batch) =>
          Effect.succeed(textOf(batch).includes(`${bad}`) ? { _tag: "TooLarge", detail: "over" } : storedOutcome)
        )
        const producer = yield* lanes(client)
        const rejected = yield* producer.send(numbered(7))
        assert.deepStrictEqual(rejected, [{ index: bad, reason: "TooLarge", detail: "over" }])
        assert.deepStrictEqual(
          values(),
          numbered(7)
            .map(({ value }) => String(value))
            .filter((value) => value !== `${bad}`)
        )
      }
    })
  )

  it.effect("fail at once where an operator must act", () =>
    Effect.gen(function* () {
      const { client } = fake(() => Effect.succeed({ _tag: "Denied", cause: "no right" }))
      const error = yield* Effect.flip((yield* lanes(client)).send([aMessage("a")]))
      assert.deepStrictEqual([error.reason, error.cause], ["Unavailable", "no right"])
      const noRight: NoPartitions = { denied: true, cause: "no right" }
      const unseen = fake(always, { partitions: () => Effect.fail(noRight) })
      assert.strictEqual((yield* Effect.flip((yield* lanes(unseen.client)).send([aMessage("a")]))).cause, "no right")
    })
  )

  it.effect("wait for a topic that is being made", () =>
    Effect.gen(function* () {
      let asked = 0
      const missing: NoPartitions = { denied: false, cause: "unknown topic" }
      const { client, values } = fake(always, {
        partitions: () => Effect.suspend(() => (++asked < 4 ? Effect.fail(missing) : Effect.succeed(partitions)))
      })
      const producer = yield* lanes(client)
      const waiting = yield* Effect.forkChild(producer.send([aMessage("a")]))
      yield* pass(5000)
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(values(), ["a"])
    })
  )

  it.effect("use partitions that were added", () =>
    Effect.gen(function* () {
      let count = 1
      const { client, stored } = fake(always, { partitions: () => Effect.sync(() => count) })
      const producer = yield* lanes(client)
      yield* producer.send([aMessage("before", keys[3])])
      count = partitions
      yield* pass(10000)
      yield* producer.send([aMessage("after", keys[3])])
      assert.deepStrictEqual(
        stored.map(({ partition }) => partition),
        [0, 3]
      )
    })
  )

  it.effect("keep messages without a key in one partition for 10 ms", () =>
    Effect.gen(function* () {
      const { client, stored } = fake(always)
      const producer = yield* lanes(client)
      for (let i = 0; i < 50; i++) {
        yield* producer.send([aMessage("a", null), aMessage("b", null)])
        yield* producer.send([aMessage("c", null)])
        yield* pass(10)
      }
      for (let i = 0; i < stored.length; i += 2) {
        assert.strictEqual(stored[i]!.values.length, 2)
        assert.strictEqual(stored[i]!.partition, stored[i + 1]!.partition)
      }
      assert.strictEqual(new Set(stored.map(({ partition }) => partition)).size, partitions)
    })
  )

  it.effect("refuse at once what memory has no room for, and take it again when there is", () =>
    Effect.gen(function* () {
      const answer = yield* Deferred.make<Outcome>()
      const { client } = fake((_, send) => (send === 0 ? Deferred.await(answer) : always()))
      const producer = yield* lanes(client)
      const big = Array.from({ length: 9 }, () => aMessage("x".repeat(7_000_000)))
      const first = yield* Effect.forkChild(producer.send(big), { startImmediately: true })
      const second = yield* Effect.forkChild(producer.send(big), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(producer.send(big))).reason, "Full")
      // Another partition is not full yet.
      const other = yield* Effect.forkChild(producer.send([aMessage("small", keys[1])]))
      yield* TestClock.adjust(0)
      yield* Fiber.join(other)
      yield* Deferred.succeed(answer, storedOutcome)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      assert.deepStrictEqual(yield* producer.send(big), [])
    })
  )

  it.effect("count the messages that are sent again although they may be stored", () =>
    Effect.gen(function* () {
      const { client } = fake((_, send) => Effect.succeed(send < 2 ? away(send === 0) : storedOutcome))
      const producer = yield* lanes(client)
      const counter = Lanes.possibleDuplicates
      const before = (yield* Metric.value(counter)).count
      const sending = yield* Effect.forkChild(producer.send(numbered(3)))
      yield* pass(1000)
      yield* Fiber.join(sending)
      assert.strictEqual(Number((yield* Metric.value(counter)).count) - Number(before), 6)
    })
  )

  it.effect("finish what is under way when they end, within 5 s", () =>
    Effect.gen(function* () {
      const { client } = fake(() => Effect.as(Effect.sleep("3 seconds"), storedOutcome))
      const scope = yield* Scope.make()
      const producer = yield* Scope.provide(lanes(client), scope)
      const sending = yield* Effect.forkChild(producer.send([aMessage("a")]), { startImmediately: true })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* pass(3100)
      yield* Fiber.join(closing)
      assert.deepStrictEqual(yield* Fiber.join(sending), [])

      const stuck = yield* Scope.make()
      const never = yield* Scope.provide(lanes(fake(() => Effect.never).client), stuck)
      const lost = yield* Effect.forkChild(Effect.flip(never.send([aMessage("a")])), { startImmediately: true })
      const ending = yield* Effect.forkChild(Scope.close(stuck, Exit.void))
      yield* pass(5000)
      yield* Fiber.join(ending)
      assert.strictEqual((yield* Fiber.join(lost)).cause, "the producer is closed")
    })
  )
})
