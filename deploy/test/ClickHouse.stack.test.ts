/** A server that is told of our settings by deploy/clickhouse alone, and reads Kafka by itself. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Producer } from "@platformatic/kafka"
import { Health } from "@tributary/pipeline/service/Health"
import * as Topics from "@tributary/runtime-node/kafka/Topics"
import { Effect } from "effect"
import { inject } from "vitest"
import { settings } from "../../packages/runtime-node/test/kafka/TestKafka.ts"
import { migrated } from "./support/ClickHouse.ts"

const months = 150

describe("a server with the files of deploy/clickhouse", () => {
  it.live(
    "reads a backfill of more months than its own limit allows in a block",
    () =>
      Effect.gen(function* () {
        const topicPrefix = `${randomUUID()}.`
        const topic = `${topicPrefix}clickhouse_events_json`
        yield* Topics.ensure({ ...settings("platformatic"), partitions: 1 }, Topics.ofWorker(topicPrefix, []))
        const producer = yield* Effect.acquireRelease(
          Effect.sync(() => new Producer({ clientId: "test", bootstrapBrokers: [...inject("kafkaHosts")] })),
          (made) => Effect.promise(() => made.close())
        )
        // Sent at once and before anybody reads, so that they come in one block.
        const messages = Array.from({ length: months }, (_, month) => {
          const timestamp = new Date(Date.UTC(1990, month)).toISOString().slice(0, 23).replace("T", " ")
          const event = { uuid: randomUUID(), event: "e", team_id: 1, distinct_id: "d", person_mode: "full", timestamp }
          return { topic, key: Buffer.from("k"), value: Buffer.from(JSON.stringify(event)) }
        })
        yield* Effect.promise(() => producer.send({ acks: -1, messages }))
        const { rows } = yield* migrated({
          kafka: { brokers: inject("kafkaHosts").join(","), topicPrefix, groupPrefix: "clickhouse-" }
        })
        const found = rows("SELECT count() AS n FROM tributary.events").pipe(
          Effect.delay("50 millis"),
          Effect.repeat({ until: ([row]) => Number(row?.["n"]) >= months })
        )
        assert.strictEqual(Number((yield* found)[0]?.["n"]), months)
        const failures = yield* rows(
          "SELECT table FROM system.kafka_consumers ARRAY JOIN exceptions.text AS text WHERE text LIKE '%partitions%'"
        )
        assert.deepStrictEqual(failures, [])
      }).pipe(Effect.provide(Health.layer)),
    120_000
  )
})
