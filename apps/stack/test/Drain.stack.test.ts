/** A worker that is asked to end while PostgreSQL does not answer: its lanes give up side by side, and it says what they leave. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Port from "@tributary/embedded/process/Port"
import { Health } from "@tributary/pipeline/service/Health"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as Client from "@tributary/runtime-node/kafka/Client"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { inject } from "vitest"
import * as TestDatabase from "../../../packages/embedded/test/support/TestDatabase.ts"
import { E } from "../../../packages/pipeline/test/support/Message.ts"
import { settings } from "../../../packages/runtime-node/test/kafka/TestKafka.ts"
import * as LossyProxy from "../../../packages/runtime-node/test/postgres/LossyProxy.ts"
import { run } from "../../standalone/test/support/Run.ts"
import { request } from "../../standalone/test/support/Start.ts"

const lanes = [Topics.events, Topics.eventsOverflow, Topics.eventsHistorical]

/** Asks until the answer is such; while nobody listens there is none. */
const eventually = (url: string, holds: (text: string) => boolean) =>
  request(url).pipe(
    Effect.catchDefect(() => Effect.undefined),
    Effect.repeat({
      schedule: Schedule.spaced("100 millis"),
      until: (answer) => answer !== undefined && holds(answer.text)
    })
  )

describe("a worker with busy lanes, asked to end", { timeout: 480_000 }, () => {
  for (const [what, harm] of [
    ["is gone", "close"],
    ["stands still", "freeze"]
  ] as const) {
    it.live(`while PostgreSQL ${what}: it abandons their batches in less time than it is given, and ends with 1`, () =>
      Effect.gen(function* () {
        const proxy = yield* LossyProxy.make(Redacted.make(yield* TestDatabase.make("drain")))
        const [healthPort, nobody] = yield* Effect.all([Port.take, Port.take])
        const prefix = `${randomUUID()}.`
        const program = yield* run({
          app: "worker",
          environment: {
            HEALTH_PORT: String(healthPort),
            KAFKA_HOSTS: inject("kafkaHosts").join(","),
            KAFKA_PREFIX: prefix,
            KAFKA_TOPIC_PARTITIONS: "1",
            DATABASE_URL: Redacted.value(proxy.url),
            CLICKHOUSE_URL: `http://127.0.0.1:${nobody}`,
            CLICKHOUSE_INGEST: "sink"
          }
        })
        const health = `http://127.0.0.1:${healthPort}`
        // ClickHouse, which is away too, is waited for beside the lanes.
        yield* eventually(`${health}/_readiness`, (text) => text.includes('"ClickHouse"'))
        const { send } = yield* Producer
        // A token that nobody knows is looked up.
        const busy = (token: string) => send(lanes.map((topic) => E("u", {}, { topic: prefix + topic, token })))
        yield* busy("phc_first")
        const done = ["main", "overflow", "historical"].map((lane) => `ingestion_batch_messages_count{lane="${lane}"}`)
        yield* eventually(`${health}/metrics`, (text) => done.every((sample) => text.includes(sample)))
        yield* proxy[harm]
        yield* busy("phc_second")
        yield* eventually(`${health}/_readiness`, (text) => text.includes('"PostgreSQL"'))
        const { code, errors } = yield* program.kill("SIGTERM")
        assert.strictEqual(code, 1)
        assert.match(errors, /^(?:1 batch|[23] batches) abandoned: there was no time to finish\.\n$/)
      }).pipe(Effect.provide(Client.layer(settings("platformatic"), { gatherMs: 0 }).pipe(Layer.provide(Health.layer))))
    )
  }
})
