/** What every layer of `EventLog` promises; the log is filled with the layer's own `Producer`. Topics have 4 partitions. */
import { assert, layer } from "@effect/vitest"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import type { Producer } from "@tributary/pipeline/service/Producer"
import { Deferred, Effect, Fiber, type Layer } from "effect"
import { after, aMessage, assignments, batches, records, send, subscribe, textOf, unique } from "./LogReader.ts"

const texts = (read: ReadonlyArray<LogRecord>) => read.map(({ value }) => textOf(value))

const bytesOf = (text: string) => new TextEncoder().encode(text)

const numbered = (topic: string, count: number, key = "k") =>
  Array.from({ length: count }, (_, i) => aMessage(topic, { key, value: `${i}` }))

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)

export const eventLogContract = (name: string, implementation: Layer.Layer<EventLog | Producer, unknown>) =>
  layer(implementation, { excludeTestServices: true })(`EventLog: ${name}`, (it) => {
    it.effect("partitions are assigned with where they begin and end, before their first records", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        yield* send(numbered(topic, 3))
        const subscription = yield* subscribe(unique("group"), [topic])
        const assigned = yield* assignments(subscription, 4)
        assert.deepStrictEqual(
          // A log that holds its messages for its groups commits the beginning by itself.
          assigned.map(({ begin, committed, partition }) => ({ begin, committed: committed ?? 0n, partition })),
          [0, 1, 2, 3].map((partition) => ({ begin: 0n, committed: 0n, partition }))
        )
        const ends = yield* Effect.forEach(assigned, ({ end }) => end)
        const read = yield* records(subscription, 3)
        const { partition } = read[0]!
        assert.strictEqual(ends[partition], 3n)
        yield* send(numbered(topic, 2))
        assert.strictEqual(yield* assigned[partition]!.end, 5n)
      })
    )

    it.effect("a topic keeps its id from subscription to subscription", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const ids = Effect.scoped(
          Effect.gen(function* () {
            const subscription = yield* subscribe(unique("group"), [topic])
            return (yield* assignments(subscription, 4)).map(({ topicId }) => topicId)
          })
        )
        assert.deepStrictEqual(yield* ids, yield* ids)
      })
    )

    it.effect("records of a partition come in order, each once, while many append", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const subscription = yield* subscribe(unique("group"), [topic], { maxMessages: 17 })
        const reading = yield* Effect.forkChild(records(subscription, 600))
        yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => `key${i}`),
          (key) => Effect.forEach([0, 1, 2], () => send(numbered(topic, 10, key))),
          { concurrency: "unbounded" }
        )
        const read = yield* Fiber.join(reading)
        for (const partition of [0, 1, 2, 3]) {
          const offsets = read.filter((record) => record.partition === partition).map(({ offset }) => offset)
          assert.deepStrictEqual(
            offsets,
            offsets.map((_, i) => BigInt(i))
          )
        }
      })
    )

    it.effect("a poll waits until there is something", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const subscription = yield* subscribe(unique("group"), [topic])
        yield* assignments(subscription, 4)
        const waiting = yield* Effect.forkChild(records(subscription, 1), { startImmediately: true })
        yield* send([aMessage(topic, { value: "at last" })])
        assert.deepStrictEqual(texts(yield* Fiber.join(waiting)), ["at last"])
      })
    )

    it.effect("a poll that was interrupted takes nothing away", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const subscription = yield* subscribe(unique("group"), [topic], { gatherMs: 600_000 })
        yield* assignments(subscription, 4)
        yield* send([aMessage(topic, { value: "first" })])
        const gathering = yield* Effect.forkChild(subscription.poll)
        yield* send([aMessage(topic, { value: "second" })])
        yield* Fiber.interrupt(gathering)
        const again = yield* Effect.forkChild(records(subscription, 500))
        yield* send(numbered(topic, 498, "token:user"))
        assert.deepStrictEqual(texts(yield* Fiber.join(again)), ["first", "second", ...numbers(0, 498)])
      })
    )

    it.effect("a poll gathers until its batch is full", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const subscription = yield* subscribe(unique("group"), [topic], { gatherMs: 600_000, maxMessages: 3 })
        yield* assignments(subscription, 4)
        const gathering = yield* Effect.forkChild(batches(subscription, 3))
        yield* Effect.forEach(numbered(topic, 3), (message) => send([message]))
        assert.deepStrictEqual((yield* Fiber.join(gathering)).map(texts), [["0", "1", "2"]])
      })
    )

    it.effect("a batch holds at most so many messages", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        yield* send(numbered(topic, 25))
        const subscription = yield* subscribe(unique("group"), [topic], { maxMessages: 10 })
        const read = yield* batches(subscription, 25)
        assert.isTrue(read.every((batch) => batch.length <= 10))
        assert.deepStrictEqual(texts(read.flat()), numbers(0, 25))
      })
    )

    it.effect("a batch holds at most so many bytes, but always one message", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const sizes = [400, 400, 400, 2_000, 10, 10]
        yield* send(sizes.map((size) => aMessage(topic, { value: "x".repeat(size) })))
        const subscription = yield* subscribe(unique("group"), [topic], { maxBytes: 1_000 })
        const read = (yield* batches(subscription, sizes.length)).map((batch) =>
          batch.map(({ value }) => value!.length)
        )
        assert.deepStrictEqual(read.flat(), sizes)
        for (const batch of read) {
          assert.isTrue(batch.length === 1 || batch.reduce((sum, size) => sum + size, 0) <= 1_000)
        }
      })
    )

    it.effect("a busy partition does not hold up the others", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const [busy, ...keys] = ["a", "b", "c", "d", "e", "f"].map(
          (key) => [key, partitionOf(bytesOf(key), 4)] as const
        )
        const [patient] = keys.find(([, partition]) => partition !== busy![1])!
        yield* send(numbered(topic, 200, busy![0]))
        yield* send([aMessage(topic, { key: patient, value: "patient" })])
        const subscription = yield* subscribe(unique("group"), [topic], { maxMessages: 10 })
        const read = (yield* batches(subscription, 201)).map(texts)
        const polls = read.findIndex((batch) => batch.includes("patient"))
        assert.isBelow(polls, 10)
      })
    )

    it.effect("a subscription reads all of its topics", () =>
      Effect.gen(function* () {
        const topics = [unique("topic"), unique("topic")]
        for (const topic of topics) yield* send(numbered(topic, 2))
        const subscription = yield* subscribe(unique("group"), topics)
        const read = yield* records(subscription, 4)
        for (const topic of topics) {
          assert.deepStrictEqual(texts(read.filter((record) => record.topic === topic)), ["0", "1"])
        }
      })
    )

    it.effect("after a restart reading goes on from the commit", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const group = unique("group")
        yield* send(numbered(topic, 10))
        const partition = yield* Effect.scoped(
          Effect.gen(function* () {
            const subscription = yield* subscribe(group, [topic])
            const read = yield* records(subscription, 10)
            yield* subscription.commit(after(read.slice(0, 4)))
            return read[0]!.partition
          })
        )
        const subscription = yield* subscribe(group, [topic])
        const assigned = yield* assignments(subscription, 4)
        assert.strictEqual(assigned[partition]!.committed, 4n)
        assert.deepStrictEqual(texts(yield* records(subscription, 6)), numbers(4, 10))
      })
    )

    it.effect("a commit never goes back", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const group = unique("group")
        yield* send(numbered(topic, 10))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const subscription = yield* subscribe(group, [topic])
            const read = yield* records(subscription, 10)
            yield* subscription.commit(after(read.slice(6, 7)))
            yield* subscription.commit(after(read.slice(2, 3)))
          })
        )
        const subscription = yield* subscribe(group, [topic])
        assert.deepStrictEqual(texts(yield* records(subscription, 3)), numbers(7, 10))
      })
    )

    it.effect("groups read and commit on their own", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        yield* send(numbered(topic, 3))
        const first = yield* subscribe(unique("group"), [topic])
        const second = yield* subscribe(unique("group"), [topic])
        const read = yield* records(first, 3)
        yield* first.commit(after(read))
        assert.deepStrictEqual(texts(yield* records(second, 3)), numbers(0, 3))
      })
    )

    it.effect("an empty commit does nothing", () =>
      Effect.gen(function* () {
        const subscription = yield* subscribe(unique("group"), [unique("topic")])
        yield* assignments(subscription, 4)
        yield* subscription.commit([])
      })
    )
  })

/** For layers whose groups may have several subscriptions. */
export const sharedGroupContract = (name: string, implementation: Layer.Layer<EventLog | Producer, unknown>) =>
  layer(implementation, { excludeTestServices: true })(`EventLog, shared groups: ${name}`, (it) => {
    it.effect("two subscriptions of a group share the partitions, and read everything once", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const group = unique("group")
        const seen: Array<string> = []
        const enough = yield* Deferred.make<void>()
        const owned = [new Set<number>(), new Set<number>()]
        const settled = yield* Deferred.make<void>()
        const member = Effect.fnUntraced(function* (mine: Set<number>) {
          const subscription = yield* subscribe(group, [topic])
          while (true) {
            const polled = yield* subscription.poll
            if (polled._tag === "Assigned") for (const { partition } of polled.partitions) mine.add(partition)
            if (polled._tag === "Revoked") for (const { partition } of polled.partitions) mine.delete(partition)
            if (owned.every(({ size }) => size === 2)) yield* Deferred.succeed(settled, undefined)
            if (polled._tag !== "Records") continue
            for (const { offset, partition } of polled.records) seen.push(`${partition}:${offset}`)
            yield* subscription.commit(after(polled.records))
            if (seen.length >= 100) yield* Deferred.succeed(enough, undefined)
          }
        })
        yield* Effect.forEach(owned, (mine) => Effect.forkScoped(Effect.scoped(member(mine))))
        yield* Deferred.await(settled)
        yield* Effect.forEach(numbers(0, 100), (i) => send([aMessage(topic, { key: `key${i}` })]))
        yield* Deferred.await(enough)
        assert.strictEqual(new Set(seen).size, 100)
        assert.strictEqual(seen.length, 100)
      })
    )

    it.effect("what one leaves behind the other takes over, from the commit", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const group = unique("group")
        yield* send(numbered(topic, 10))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const leaving = yield* subscribe(group, [topic])
            const read = yield* records(leaving, 10)
            yield* leaving.commit(after(read.slice(0, 6)))
          })
        )
        const staying = yield* subscribe(group, [topic])
        assert.deepStrictEqual(texts(yield* records(staying, 4)), numbers(6, 10))
      })
    )
  })
