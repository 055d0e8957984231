/**
 * Sends for the lanes with kafkajs: one partition a send, and only an answer that names the partition counts. A send over
 * several may succeed although some were never sent, and idempotent it acknowledges what it did not store (guides
 * kafka-producer 1.2 and 1.3).
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { CompressionTypes, type Message } from "kafkajs"
import type { LaneBatch, LaneClient, LaneMessage, Outcome } from "../LaneClient.ts"
import type { Compression, KafkaSettings } from "../Settings.ts"
import * as Codecs from "./Codecs.ts"
import * as Connection from "./Connection.ts"
import * as Failure from "./Failure.ts"
import * as Records from "./Records.ts"

/** Retries are the lanes'. */
const limits: Connection.Limits = { connectMs: 5_000, requestMs: 10_000, retries: 0 }

/** Milliseconds that brokers wait for their replicas: kept short, because meanwhile nothing goes to that broker. */
const replicasMs = 8_000

const metadataMaxAge = 5_000

const types: Record<Compression, CompressionTypes> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD
}

export const make = (settings: KafkaSettings): Effect.Effect<LaneClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    yield* Effect.promise(Codecs.register)
    const kafka = Connection.make(settings, limits)
    const producer = yield* Connection.scoped(() =>
      kafka.producer({
        allowAutoTopicCreation: false,
        idempotent: false,
        metadataMaxAge,
        createPartitioner:
          () =>
          ({ message }) =>
            message.partition ?? 0
      })
    )
    const admin = yield* Connection.scoped(() => kafka.admin())
    const connected = Connection.once(() => producer.connect())
    const adminConnected = Connection.once(() => admin.connect())

    const send = async ({ messages, partition, topic }: LaneBatch): Promise<Outcome> => {
      try {
        await connected()
        const answers = await producer.send({
          topic,
          messages: messages.map((message) => toMessage(partition, message)),
          acks: -1,
          timeout: replicasMs,
          compression: types[settings.compression]
        })
        const isNamed = answers.some(
          (answer) => answer.topicName === topic && answer.partition === partition && answer.errorCode === 0
        )
        if (isNamed) return { _tag: "Stored" }
        const cause = `the brokers' answer does not name partition ${partition} of ${topic}`
        return { _tag: "Unavailable", cause, unknown: true }
      } catch (error) {
        return Failure.outcomeOf(error)
      }
    }

    return {
      partitions: (topic) =>
        Effect.tryPromise({
          try: async () => {
            await adminConnected()
            const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
            const count = topics.find(({ name }) => name === topic)?.partitions.length ?? 0
            if (count === 0) throw new Error(`${topic} has no partitions`)
            return count
          },
          catch: Failure.noPartitions
        }),
      send: (batches) => Effect.promise(() => Promise.all(batches.map(send))),
      batchesPerSend: 1
    }
  })

const toMessage = (partition: number, { key, message }: LaneMessage): Message => ({
  partition,
  key: key === null ? null : Buffer.from(key.buffer, key.byteOffset, key.length),
  value: typeof message.value === "string" ? message.value : Buffer.from(message.value),
  headers: Records.toHeaders(message.headers)
})
