/** The topics at a program's start, on a real broker. */
import { assert, describe, it } from "@effect/vitest"
import * as Health from "@tributary/pipeline/service/Health"
import { Effect } from "effect"
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs"
import { inject } from "vitest"
import { unique } from "../../../pipeline/test/contract/LogReader.ts"
import * as KafkaClient from "../../src/kafka/Client.ts"
import * as Topics from "../../src/kafka/Topics.ts"
import { settings } from "./TestKafka.ts"

/** What a topic has been told, beside the brokers' ways. */
const configsOf = (name: string) =>
  Effect.promise(async () => {
    const admin = new Kafka({ brokers: [...inject("kafkaHosts")], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    const described = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name, configNames: ["max.message.bytes", "retention.ms"] }]
    })
    await admin.disconnect()
    return Object.fromEntries(
      described.resources.flatMap(({ configEntries }) =>
        configEntries.map(({ configName, configValue }) => [configName, configValue])
      )
    )
  })

for (const own of [settings("platformatic"), settings("kafkajs")]) {
  describe(`the topics at the start, by ${own.client}`, () => {
    it.live("are named where they are missing, and made when their partitions are given", () =>
      Effect.gen(function* () {
        const prefix = unique("p")
        const topics = Topics.ofWorker(prefix, [`${prefix}events_plugin_ingestion`])
        const error = yield* Effect.flip(Topics.ensure(own, topics))
        assert.strictEqual(
          error.message,
          `Kafka topics missing, or no right to see them: ${topics.join(", ")}. Create them, or set KAFKA_TOPIC_PARTITIONS`
        )
        yield* Topics.ensure({ ...own, partitions: 3 }, topics)
        // A second program at the same time, or a second start.
        yield* Topics.ensure({ ...own, partitions: 3 }, topics)
        yield* Topics.ensure(own, topics)
        const client = yield* KafkaClient.load(own)
        const lanes = yield* client.lanes(own)
        assert.strictEqual(yield* lanes.partitions(topics[0]!), 3)
        assert.deepStrictEqual(yield* configsOf(`${prefix}events_plugin_ingestion_dlq`), {
          "max.message.bytes": "9437184",
          "retention.ms": "2592000000"
        })
      }).pipe(Effect.scoped, Effect.provide(Health.Health.layer))
    )

    it.live("must take messages as large as ours", () =>
      Effect.gen(function* () {
        const client = yield* KafkaClient.load(own)
        const admin = yield* client.admin(own)
        const name = unique("small")
        yield* admin.create({ name, partitions: 1, replication: 1, configs: { "max.message.bytes": "1000000" } })
        const described = admin.describe([name]).pipe(Effect.retry({ while: ({ reason }) => reason === "Away" }))
        assert.deepStrictEqual(
          [...(yield* described)],
          [[name, { maxMessageBytes: 1_000_000, minInSync: 1, copies: 1 }]]
        )
        const error = yield* Effect.flip(Topics.ensure({ ...own, partitions: 1 }, [name]))
        assert.strictEqual(
          error.message,
          `Kafka topics whose max.message.bytes is too small: ${name} has 1000000, needs 8388608`
        )
      }).pipe(Effect.scoped, Effect.provide(Health.Health.layer))
    )
  })
}
