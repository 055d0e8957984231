/** What happens to topics under their readers, and to readers among others, with each client on a real broker. */
import { assert, describe, it } from "@effect/vitest"
import type { Subscription } from "@tributary/pipeline/service/EventLog"
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as KafkaJsEventLog from "@tributary/runtime-node/kafka/kafkajs/KafkaJsEventLog"
import * as KafkaJsLaneClient from "@tributary/runtime-node/kafka/kafkajs/KafkaJsLaneClient"
import * as Lanes from "@tributary/runtime-node/kafka/Lanes"
import * as PlatformaticEventLog from "@tributary/runtime-node/kafka/platformatic/PlatformaticEventLog"
import * as PlatformaticLaneClient from "@tributary/runtime-node/kafka/platformatic/PlatformaticLaneClient"
import { Effect, Fiber, Layer, Schedule } from "effect"
import { type Admin, Kafka, logLevel } from "kafkajs"
import { inject } from "vitest"
import { handOverContract } from "../../../pipeline/test/contract/HandOver.ts"
import {
  after,
  aMessage,
  assignments,
  firstOf,
  records,
  send,
  subscribe,
  textOf,
  unique
} from "../../../pipeline/test/contract/LogReader.ts"
import * as TestKafka from "./TestKafka.ts"

const clients = {
  "@platformatic/kafka": TestKafka.settings("platformatic"),
  kafkajs: TestKafka.settings("kafkajs")
}

const layerOf = (settings: (typeof clients)[keyof typeof clients]) => {
  const client = settings.client === "kafkajs" ? KafkaJsLaneClient : PlatformaticLaneClient
  const log = settings.client === "kafkajs" ? KafkaJsEventLog : PlatformaticEventLog
  const producer = Layer.effect(
    Producer,
    Effect.flatMap(client.make(settings), (made) => Lanes.make(made, { gatherMs: 0 }))
  )
  return TestKafka.withTopics(Layer.merge(log.layer(settings), producer))
}

const admin = <A>(run: (admin: Admin) => Promise<A>) =>
  Effect.promise(async () => {
    const made = new Kafka({ brokers: [...inject("kafkaHosts")], logLevel: logLevel.NOTHING }).admin()
    await made.connect()
    return run(made).finally(() => made.disconnect())
  })

/** Leaders need not be there when it ends, for producers and readers wait for them. */
const makeAnew = (topic: string, numPartitions: number) =>
  admin(async (made) => {
    await made.deleteTopics({ topics: [topic] })
    await made.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: false })
  })

/** As the pipeline does: the log may be away for a while. */
const patiently = (options: Parameters<typeof subscribe>) =>
  Effect.map(
    subscribe(...options),
    ({ commit, poll }): Subscription => ({
      commit,
      poll: Effect.retry(poll, Schedule.spaced("100 millis"))
    })
  )

const numbered = (topic: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => aMessage(topic, { value: `${from + i}` }))

const texts = (read: Effect.Success<ReturnType<typeof records>>) => read.map(({ value }) => Number(textOf(value)))

/** A key of each partition. */
const keys = [0, 1, 2, 3].map((partition) => {
  for (let i = 0; ; i++) if (partitionOf(Buffer.from(`k${i}`), 4) === partition) return `k${i}`
})

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

for (const [name, settings] of Object.entries(clients)) {
  handOverContract(name, layerOf(settings))

  describe(`a log over ${name}`, () => {
    it.live("holds each message once, though its topics were made a moment before", () =>
      Effect.gen(function* () {
        const topics = Array.from({ length: 10 }, () => unique("new"))
        const made = yield* Effect.forEach(
          topics,
          Effect.fnUntraced(function* (topic) {
            yield* send(keys.flatMap((key) => range(0, 50).map((i) => aMessage(topic, { key, value: `${i}` }))))
            return yield* admin((found) => found.fetchTopicOffsets(topic))
          })
        )
        assert.deepStrictEqual(
          made.map((offsets) => offsets.map(({ high }) => high)),
          topics.map(() => keys.map(() => "50"))
        )
      }).pipe(Effect.provide(layerOf(settings)))
    )

    it.live("reads a topic that is made anew from its beginning, under a new assignment", () =>
      Effect.gen(function* () {
        const topic = unique("anew")
        const group = unique("group")
        yield* send(numbered(topic, 0, 20))
        const subscription = yield* patiently([group, [topic]])
        const before = yield* assignments(subscription, 4)
        const read = yield* records(subscription, 20)
        yield* subscription.commit(after(read))
        yield* makeAnew(topic, 4)
        const sending = yield* Effect.forkChild(Effect.retry(send(numbered(topic, 100, 110)), { times: 20 }))
        const again = yield* assignments(subscription, 4)
        assert.deepStrictEqual(
          again.map(({ begin, committed }) => [begin, committed ?? 0n]),
          again.map(() => [0n, 0n])
        )
        if (settings.client === "platformatic") assert.notStrictEqual(again[0]!.topicId, before[0]!.topicId)
        assert.deepStrictEqual(texts(yield* records(subscription, 10)), range(100, 110))
        yield* Fiber.join(sending)
        // Whoever still waits to learn the end of what was assigned before must come back to poll.
        assert.deepStrictEqual(
          yield* Effect.forEach(before, ({ end }) => end),
          yield* Effect.forEach(again, ({ end }) => end)
        )
      }).pipe(Effect.provide(layerOf(settings)))
    )

    it.live("does not send again and again to a partition that a topic made anew has no more", () =>
      Effect.gen(function* () {
        const topic = unique("fewer")
        yield* send(keys.map((key) => aMessage(topic, { key })))
        yield* makeAnew(topic, 3)
        const many = range(0, 40).map((i) => `key${i}`)
        yield* Effect.retry(send(many.map((key) => aMessage(topic, { key }))), Schedule.spaced("100 millis"))
        const offsets = yield* admin((made) => made.fetchTopicOffsets(topic))
        const read = yield* firstOf(
          topic,
          offsets.reduce((sum, { high }) => sum + Number(high), 0)
        )
        // Those of the first try that met a partition that is there are where they would have been among four.
        for (const [key, stored] of Map.groupBy(read, (record) => textOf(record.key) ?? "")) {
          assert.isAtMost(stored.length, 2, key)
          assert.isTrue(stored.some(({ partition }) => partition === partitionOf(Buffer.from(key), 3)))
        }
        assert.isAtLeast(read.length, many.length)
      }).pipe(Effect.provide(layerOf(settings)))
    )

    it.live("takes a commit beyond the end of a log that was cut for its end, and commits from there", () =>
      Effect.gen(function* () {
        const topic = unique("cut")
        const group = unique("group")
        yield* send(numbered(topic, 0, 20))
        const partitions = range(0, 4).map((partition) => ({ partition, offset: "1000" }))
        yield* admin((made) => made.setOffsets({ groupId: group, topic, partitions }))
        yield* Effect.scoped(
          Effect.gen(function* () {
            const subscription = yield* subscribe(group, [topic])
            yield* assignments(subscription, 4)
            const reading = yield* Effect.forkChild(records(subscription, 10))
            yield* send(numbered(topic, 100, 110))
            const read = yield* Fiber.join(reading)
            assert.deepStrictEqual(texts(read), range(100, 110))
            yield* subscription.commit(after(read))
          })
        )
        yield* send(numbered(topic, 110, 115))
        const subscription = yield* subscribe(group, [topic])
        assert.deepStrictEqual(texts(yield* records(subscription, 5)), range(110, 115))
      }).pipe(Effect.provide(layerOf(settings)))
    )

    it.live("passes over what retention took", () =>
      Effect.gen(function* () {
        const topic = unique("retention")
        const group = unique("group")
        yield* send(numbered(topic, 0, 20))
        const partition = yield* Effect.scoped(
          Effect.gen(function* () {
            const subscription = yield* subscribe(group, [topic])
            const read = yield* records(subscription, 20)
            yield* subscription.commit(after(read.slice(0, 5)))
            return read[0]!.partition
          })
        )
        yield* admin(async (made) => {
          // It must have heard of the topic before.
          await made.fetchTopicOffsets(topic)
          await made.deleteTopicRecords({ topic, partitions: [{ partition, offset: "12" }] })
        })
        const subscription = yield* subscribe(group, [topic])
        const assigned = yield* assignments(subscription, 4)
        assert.deepStrictEqual([assigned[partition]!.begin, assigned[partition]!.committed], [12n, 5n])
        assert.deepStrictEqual(texts(yield* records(subscription, 8)), range(12, 20))
      }).pipe(Effect.provide(layerOf(settings)))
    )

    it.live("reads partitions that are added, and keeps its place in the others", () =>
      Effect.gen(function* () {
        const topic = unique("grown")
        const group = unique("group")
        const subscription = yield* subscribe(group, [topic])
        yield* assignments(subscription, 4)
        yield* send(numbered(topic, 0, 20))
        yield* subscription.commit(after(yield* records(subscription, 20)))
        yield* admin((made) => made.createPartitions({ topicPartitions: [{ topic, count: 6 }] }))
        const assigned = yield* assignments(subscription, 6)
        assert.strictEqual(assigned.length, 6)
        assert.strictEqual(
          assigned.reduce((sum, { committed }) => sum + (committed ?? 0n), 0n),
          20n
        )
      }).pipe(Effect.provide(layerOf(settings)))
    )

    it.live("gives away what is held for too long, and takes no late commit of it", () =>
      Effect.gen(function* () {
        const topic = unique("late")
        const group = unique("group")
        yield* send(keys.map((key) => aMessage(topic, { key })))
        const slow = yield* subscribe(group, [topic])
        const inHand = yield* records(slow, 4)
        const quick = yield* subscribe(group, [topic])
        const taken = yield* records(quick, 2)
        yield* slow.commit(after(inHand))
        const [committed] = yield* admin((made) => made.fetchOffsets({ groupId: group, topics: [topic] }))
        const offsets = new Map(committed!.partitions.map(({ offset, partition }) => [partition, offset]))
        assert.deepStrictEqual(
          taken.map(({ partition }) => offsets.get(partition)),
          taken.map(() => "-1")
        )
      }).pipe(Effect.provide(layerOf(settings)))
    )
  })
}
