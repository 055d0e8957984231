import { assert, describe, it } from "@effect/vitest"
import { EventLogError } from "@tributary/pipeline/service/EventLog"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import { ProducerError } from "@tributary/pipeline/service/Producer"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { eventLogContract, sharedGroupContract } from "../../contract/EventLog.ts"
import { handOverContract } from "../../contract/HandOver.ts"
import { after, aMessage, assignments, records, send, subscribe, textOf } from "../../contract/LogReader.ts"
import { producerContract } from "../../contract/Producer.ts"

const fresh = Layer.unwrap(Effect.sync(() => EventLogMemory.layer(EventLogMemory.make())))

eventLogContract("memory", fresh)
sharedGroupContract("memory", fresh)
handOverContract("memory", fresh)
producerContract("memory", fresh)

describe("EventLogMemory", () => {
  const topic = "events_plugin_ingestion"
  const texts = (read: ReadonlyArray<{ readonly value: Uint8Array | null }>) => read.map(({ value }) => textOf(value))
  const unavailable = new ProducerError({ reason: "Unavailable", cause: "test" })
  const broken = new EventLogError({ operation: "poll", cause: "test" })

  const withLog = <A, E, R>(test: (log: EventLogMemory.MemoryLog) => Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const log = EventLogMemory.make()
      return Effect.provide(test(log), EventLogMemory.layer(log))
    })

  it.effect("a poll gathers for its time, in virtual time", () =>
    withLog(() =>
      Effect.gen(function* () {
        const subscription = yield* subscribe("group", [topic], { gatherMs: 50 })
        yield* assignments(subscription, 4)
        const polling = yield* Effect.forkChild(subscription.poll)
        yield* send([aMessage(topic, { value: "1" })])
        yield* TestClock.adjust(49)
        yield* send([aMessage(topic, { value: "2" })])
        yield* TestClock.adjust(1)
        yield* send([aMessage(topic, { value: "3" })])
        const polled = yield* Fiber.join(polling)
        assert.isTrue(polled._tag === "Records")
        if (polled._tag === "Records") assert.deepStrictEqual(texts(polled.records), ["1", "2"])
      })
    )
  )

  it.effect("what it holds and what is committed can be looked at", () =>
    withLog((log) =>
      Effect.gen(function* () {
        yield* send([aMessage(topic, { value: "1" }), aMessage(topic, { value: "2" })])
        assert.deepStrictEqual(texts(log.records(topic)), ["1", "2"])
        const subscription = yield* subscribe("group", [topic])
        const read = yield* records(subscription, 2)
        const { partition } = read[0]!
        assert.strictEqual(log.end(topic, partition), 2n)
        assert.isUndefined(log.committed("group", topic, partition))
        yield* subscription.commit(after(read))
        assert.strictEqual(log.committed("group", topic, partition), 2n)
      })
    )
  )

  it.effect("a send that fails before the log appends nothing, one whose acknowledgement is lost does", () =>
    withLog((log) =>
      Effect.gen(function* () {
        log.faults.send = Effect.fail(unavailable)
        assert.strictEqual(yield* Effect.flip(send([aMessage(topic)])), unavailable)
        assert.strictEqual(log.records(topic).length, 0)
        log.faults.send = Effect.void
        log.faults.acknowledge = Effect.fail(unavailable)
        assert.strictEqual(yield* Effect.flip(send([aMessage(topic)])), unavailable)
        assert.strictEqual(log.records(topic).length, 1)
      })
    )
  )

  it.effect("a message may be refused for its data", () =>
    withLog((log) =>
      Effect.gen(function* () {
        log.faults.refuse = ({ value }) => (value === "bad" ? "bad data" : undefined)
        const rejected = yield* send([aMessage(topic, { value: "good" }), aMessage(topic, { value: "bad" })])
        assert.deepStrictEqual(rejected, [{ index: 1, reason: "Refused", detail: "bad data" }])
        assert.deepStrictEqual(texts(log.records(topic)), ["good"])
      })
    )
  )

  it.effect("after a failed poll the next goes on where it was", () =>
    withLog((log) =>
      Effect.gen(function* () {
        yield* send([aMessage(topic, { value: "1" }), aMessage(topic, { value: "2" })])
        const subscription = yield* subscribe("group", [topic], { maxMessages: 1 })
        assert.deepStrictEqual(texts(yield* records(subscription, 1)), ["1"])
        log.faults.poll = Effect.fail(broken)
        assert.strictEqual(yield* Effect.flip(subscription.poll), broken)
        log.faults.poll = Effect.void
        assert.deepStrictEqual(texts(yield* records(subscription, 1)), ["2"])
      })
    )
  )

  it.effect("a topic made anew is empty, has another id, and no commits", () =>
    withLog((log) =>
      Effect.gen(function* () {
        yield* send([aMessage(topic)])
        const subscription = yield* subscribe("group", [topic])
        const [before] = yield* assignments(subscription, 4)
        yield* subscription.commit(after(yield* records(subscription, 1)))
        log.recreate(topic)
        yield* send([aMessage(topic, { value: "new" })])
        assert.strictEqual((yield* subscription.poll)._tag, "Revoked")
        const assigned = yield* assignments(subscription, 4)
        assert.notStrictEqual(assigned[0]!.topicId, before!.topicId)
        assert.isTrue(assigned.every(({ committed }) => committed === undefined))
        assert.deepStrictEqual(texts(yield* records(subscription, 1)), ["new"])
      })
    )
  )

  it.effect("a log that was cut is assigned anew, keeps its id and its commits, and goes on at its end", () =>
    withLog((log) =>
      Effect.gen(function* () {
        yield* send(["1", "2", "3"].map((value) => aMessage(topic, { value })))
        const subscription = yield* subscribe("group", [topic])
        const read = yield* records(subscription, 3)
        yield* subscription.commit(after(read))
        const { partition } = read[0]!
        log.cut(topic, partition, 1n)
        assert.deepStrictEqual(yield* subscription.poll, { _tag: "Revoked", partitions: [{ topic, partition }] })
        const [assigned] = yield* assignments(subscription, 1)
        assert.deepStrictEqual([assigned!.committed, yield* assigned!.end], [3n, 1n])
        yield* send([aMessage(topic, { value: "new" })])
        assert.deepStrictEqual(texts(yield* records(subscription, 1)), ["new"])
      })
    )
  )

  it.effect("what retention dropped is passed over", () =>
    withLog((log) =>
      Effect.gen(function* () {
        yield* send(["1", "2", "3"].map((value) => aMessage(topic, { value })))
        log.trim(topic, log.records(topic)[0]!.partition, 2n)
        const subscription = yield* subscribe("group", [topic])
        assert.deepStrictEqual(
          (yield* records(subscription, 1)).map(({ offset }) => offset),
          [2n]
        )
      })
    )
  )

  it.effect("a rebalance that waits for nobody delivers again what was not committed", () =>
    withLog((log) =>
      Effect.gen(function* () {
        yield* send(["1", "2"].map((value) => aMessage(topic, { value })))
        const subscription = yield* subscribe("group", [topic])
        const read = yield* records(subscription, 2)
        yield* subscription.commit(after(read.slice(0, 1)))
        log.rebalance("group")
        assert.strictEqual((yield* subscription.poll)._tag, "Revoked")
        assert.deepStrictEqual(texts(yield* records(subscription, 1)), ["2"])
      })
    )
  )

  it.effect("a partition waits for its old owner's next poll, which comes after the batch in hand is committed", () =>
    withLog(() =>
      Effect.gen(function* () {
        yield* send(Array.from({ length: 40 }, (_, i) => aMessage(topic, { key: `${i}` })))
        const old = yield* subscribe("group", [topic])
        const inHand = yield* records(old, 40)
        const fresh = yield* subscribe("group", [topic])
        const taking = yield* Effect.forkChild(fresh.poll)
        yield* TestClock.adjust("10 seconds")
        assert.isUndefined(taking.pollUnsafe())
        const revoked = yield* old.poll
        assert.isTrue(revoked._tag === "Revoked" && revoked.partitions.length === 2)
        yield* old.commit(after(inHand))
        yield* Effect.forkChild(old.poll)
        const taken = yield* Fiber.join(taking)
        assert.isTrue(
          taken._tag === "Assigned" &&
            taken.partitions.length === 2 &&
            taken.partitions.every(({ committed }) => committed !== undefined && committed > 0n)
        )
      })
    )
  )

  it.effect("a partition waits 30 s for an owner that does not poll, who hears of it later", () =>
    withLog(() =>
      Effect.gen(function* () {
        const old = yield* subscribe("group", [topic])
        yield* assignments(old, 4)
        const fresh = yield* subscribe("group", [topic])
        const taking = yield* Effect.forkChild(fresh.poll)
        yield* TestClock.adjust("30 seconds")
        const taken = yield* Fiber.join(taking)
        assert.isTrue(taken._tag === "Assigned" && taken.partitions.length === 2)
        const told = yield* old.poll
        assert.isTrue(told._tag === "Revoked" && told.partitions.length === 2)
      })
    )
  )
})
