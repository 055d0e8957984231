/** The broker of a test run as both clients see it, and topics that are made when they are first named. */
import { randomUUID } from "node:crypto"
import { setTimeout } from "node:timers/promises"
import { EventLog } from "@tributary/pipeline/service/EventLog"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import { Producer } from "@tributary/pipeline/service/Producer"
import type { KafkaSettings } from "@tributary/runtime-node/kafka/Settings"
import { Context, Effect, Layer } from "effect"
import { Kafka, logLevel } from "kafkajs"
import { inject } from "vitest"

export const settings = (client: KafkaSettings["client"], partial: Partial<KafkaSettings> = {}): KafkaSettings => ({
  hosts: inject("kafkaHosts"),
  client,
  clientId: `test-${randomUUID()}`,
  rack: undefined,
  tls: undefined,
  sasl: undefined,
  idempotent: false,
  compression: client === "kafkajs" ? "gzip" : "zstd",
  partitions: undefined,
  replication: undefined,
  ...partial
})

/** Room for what stands around a message in a batch. */
const overheadBytes = 1024

/** Makes topics with 4 partitions; "exists already" is fine. Fails late where the broker is away, as a test's layer may. */
const topicMaker = Effect.fnUntraced(function* (hosts: ReadonlyArray<string>) {
  const admin = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const made = new Kafka({ brokers: [...hosts], connectionTimeout: 10_000, logLevel: logLevel.NOTHING }).admin()
      await made.connect()
      return made
    }),
    (made) => Effect.promise(() => made.disconnect())
  )
  const made = new Map<string, Promise<void>>()
  const make = async (topic: string): Promise<void> => {
    const limit = MessageSize.limit(topic) + overheadBytes
    const configEntries = [{ name: "max.message.bytes", value: String(limit) }]
    await admin.createTopics({ topics: [{ topic, numPartitions: 4, configEntries }], waitForLeaders: false })
    // The broker denies a topic for a moment that it has just made.
    const isThere = () =>
      admin.fetchTopicMetadata({ topics: [topic] }).then(
        ({ topics }) => topics[0]?.partitions.every(({ leader }) => leader >= 0) === true,
        () => false
      )
    while (!(await isThere())) await setTimeout(20)
  }
  return (topics: ReadonlyArray<string>) =>
    Effect.promise(async () => {
      for (const topic of new Set(topics)) {
        if (!made.has(topic)) made.set(topic, make(topic))
        await made.get(topic)
      }
    })
})

/** The same services, on a broker that has every topic. */
export const withTopics = <E>(
  layer: Layer.Layer<EventLog | Producer, E>,
  hosts: ReadonlyArray<string> = inject("kafkaHosts")
): Layer.Layer<EventLog | Producer, E> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const ensure = yield* topicMaker(hosts)
      const log = yield* EventLog
      const producer = yield* Producer
      return Context.make(
        EventLog,
        EventLog.of({ subscribe: (options) => Effect.andThen(ensure(options.topics), log.subscribe(options)) })
      ).pipe(
        Context.add(
          Producer,
          Producer.of({
            send: (messages) => Effect.andThen(ensure(messages.map(({ topic }) => topic)), producer.send(messages))
          })
        )
      )
    })
  ).pipe(Layer.provide(layer))
