/** The images of capture and worker, each where its folder is, on a real Kafka, PostgreSQL and ClickHouse: an event all the way. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as EngineProcess from "@tributary/embedded/engine/EngineProcess"
import * as Port from "@tributary/embedded/process/Port"
import { Effect, Redacted } from "effect"
import { inject } from "vitest"
import { capture, events, request } from "../../apps/standalone/test/support/Start.ts"
import * as Folder from "../../packages/embedded/test/support/Folder.ts"
import * as Session from "../../packages/embedded/test/support/Session.ts"
import * as TestDatabase from "../../packages/embedded/test/support/TestDatabase.ts"
import * as Image from "./support/Image.ts"

/** Asks a program until it says that it is ready; while nobody listens there is no answer. */
const ready = (healthPort: number) =>
  request(`http://127.0.0.1:${healthPort}/_readiness`).pipe(
    Effect.catchDefect(() => Effect.undefined),
    Effect.delay("50 millis"),
    Effect.repeat({ until: (answer) => answer?.status === 200 })
  )

describe("the images on a real Kafka", () => {
  it.live(
    "bring an event from capture to ClickHouse, are healthy meanwhile, and end with 0 when they are stopped",
    () =>
      Effect.gen(function* () {
        const password = "secret"
        const clickhouse = yield* EngineProcess.start({
          dataDir: yield* Folder.make,
          httpPort: 0,
          password: Redacted.make(password),
          output: "ignore"
        })
        const { readPort, writePort } = clickhouse.addresses
        const [port, capturePort, workerPort] = yield* Effect.all([Port.take, Port.take, Port.take])
        const shared = {
          KAFKA_HOSTS: inject("kafkaHosts").join(","),
          KAFKA_PREFIX: `${randomUUID()}.`,
          KAFKA_TOPIC_PARTITIONS: "2",
          KAFKA_TOPIC_REPLICATION: "1",
          DATABASE_URL: yield* TestDatabase.make("images")
        }
        const ofWorker = {
          ...shared,
          HEALTH_PORT: String(workerPort),
          CLICKHOUSE_URL: `http://127.0.0.1:${writePort}`,
          CLICKHOUSE_PASSWORD: password,
          CLICKHOUSE_INGEST: "kafka-engine"
        }
        const ofCapture = { ...shared, PORT: String(port), HEALTH_PORT: String(capturePort) }

        const workerImage = yield* Image.make("worker")
        const worker = yield* workerImage.start(ofWorker)
        yield* ready(workerPort)
        assert.strictEqual(yield* workerImage.health(ofWorker), 0)
        yield* Session.query(
          shared.DATABASE_URL,
          "INSERT INTO posthog_team (project_id, api_token) VALUES (1, 'phc_local')"
        )
        const captureImage = yield* Image.make("capture")
        const front = yield* captureImage.start(ofCapture)
        yield* ready(capturePort)
        assert.strictEqual(yield* captureImage.health(ofCapture), 0)

        assert.strictEqual((yield* capture({ port }, "hello")).status, 200)
        assert.deepStrictEqual(yield* events({ clickhousePort: readPort }, ["hello"]), ["hello"])
        for (const program of [front, worker]) {
          const { code, errors } = yield* program.kill("SIGTERM")
          assert.deepStrictEqual([code, errors], [0, ""])
        }
        assert.strictEqual(yield* captureImage.health(ofCapture), 1)
      }),
    240_000
  )
})
