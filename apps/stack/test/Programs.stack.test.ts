/** Capture and worker as programs: what ends their start, what they wait for, how they stop, and processes that share a port. */
import { randomUUID } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Port from "@tributary/embedded/process/Port"
import { Health } from "@tributary/pipeline/service/Health"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as PostgresStart from "@tributary/runtime-node/postgres/Start"
import { Context, Effect, Layer, Redacted } from "effect"
import { inject } from "vitest"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { until } from "../../../packages/embedded/test/support/Program.ts"
import * as TestDatabase from "../../../packages/embedded/test/support/TestDatabase.ts"
import { run } from "../../standalone/test/support/Run.ts"
import { capture, request } from "../../standalone/test/support/Start.ts"
import { processesWith } from "./support/Start.ts"

type App = "capture" | "worker"

const apps: ReadonlyArray<App> = ["capture", "worker"]

/** The tables that a worker makes, and capture waits for. */
const tables = (databaseUrl: string) => {
  const url = Redacted.make(databaseUrl)
  const pools = Database.layer({ databaseUrl: url, personsDatabaseUrl: url, poolSize: 4 })
  return Effect.provide(PostgresStart.migrate, Layer.merge(pools, Health.layer))
}

/** A program on the engines of this test run, but for ClickHouse, which is away; on a database, topics and ports of its own. */
const start = (app: App, settings: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const databaseUrl = yield* TestDatabase.make("program")
    if (app === "capture" && settings["DATABASE_URL"] === undefined) yield* tables(databaseUrl)
    const [port, healthPort, nobody] = yield* Effect.all([Port.take, Port.take, Port.take])
    const environment = {
      HOST: "127.0.0.1",
      PORT: String(port),
      HEALTH_PORT: String(healthPort),
      KAFKA_HOSTS: inject("kafkaHosts").join(","),
      KAFKA_PREFIX: `${randomUUID()}.`,
      KAFKA_TOPIC_PARTITIONS: "2",
      DATABASE_URL: databaseUrl,
      CLICKHOUSE_URL: `http://127.0.0.1:${nobody}`,
      CLICKHOUSE_INGEST: "sink",
      ...settings
    }
    return { ...(yield* run({ app, environment })), port, healthPort, nobody }
  })

/** Asks until there is an answer such as is waited for; while nobody listens there is none. */
const eventually = (url: string, holds: (answer: { readonly status: number; readonly text: string }) => boolean) =>
  request(url).pipe(
    Effect.catchDefect(() => Effect.undefined),
    Effect.delay("50 millis"),
    Effect.repeat({ until: (answer) => answer !== undefined && holds(answer) })
  )

/** Standard error of a program that ends by itself. */
const refusal = (program: Effect.Success<ReturnType<typeof start>>) =>
  Effect.map(program.ended, ({ code, errors }) => {
    assert.strictEqual(code, 1)
    assert.match(errors, /^[^\n]+\n$/)
    return errors
  })

describe("capture and worker as programs", { timeout: 480_000 }, () => {
  for (const [app, names] of [
    ["capture", ["KAFKA_HOSTS", "DATABASE_URL"]],
    ["worker", ["KAFKA_HOSTS", "DATABASE_URL", "CLICKHOUSE_URL"]]
  ] as const) {
    for (const name of names) {
      it.live(`${app} without ${name} ends with a line that says so`, () =>
        Effect.gen(function* () {
          const line = yield* refusal(yield* start(app, { [name]: "" }))
          assert.include(line, name)
        })
      )
    }
  }

  for (const app of apps) {
    it.live(`${app} does not start without its topics, and says how they could be made`, () =>
      Effect.gen(function* () {
        const program = yield* start(app, { KAFKA_PREFIX: "nowhere.", KAFKA_TOPIC_PARTITIONS: "" })
        const line = yield* refusal(program)
        assert.include(line, "nowhere.events_plugin_ingestion")
        assert.include(line, "set KAFKA_TOPIC_PARTITIONS")
      })
    )

    it.live(`${app} waits for Kafka: it lives, its readiness says what is away, and SIGTERM ends the wait with 0`, () =>
      Effect.gen(function* () {
        const hosts = `127.0.0.1:${yield* Port.take}`
        const program = yield* start(app, { KAFKA_HOSTS: hosts })
        const health = `http://127.0.0.1:${program.healthPort}`
        const found = yield* eventually(`${health}/_readiness`, ({ text }) => text.includes('"the log"'))
        assert.strictEqual(found?.status, 503)
        assert.include(found?.text, hosts)
        assert.strictEqual((yield* request(`${health}/_liveness`)).status, 200)
        const { code, errors } = yield* program.kill("SIGTERM")
        assert.deepStrictEqual([code, errors], [0, ""])
      })
    )
  }

  it.live("capture does not start without the topics that some events have of their own", () =>
    Effect.gen(function* () {
      const KAFKA_PREFIX = `${randomUUID()}.`
      const first = yield* start("capture", { KAFKA_PREFIX })
      yield* eventually(`http://127.0.0.1:${first.port}/_readiness`, ({ status }) => status === 200)
      assert.strictEqual((yield* first.kill("SIGTERM")).code, 0)
      const own = { CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC: "exceptions", CAPTURE_OUTPUT_HEATMAPS_TOPIC: "heatmaps" }
      const line = yield* refusal(yield* start("capture", { KAFKA_PREFIX, ...own, KAFKA_TOPIC_PARTITIONS: "" }))
      assert.include(line, `see them: ${KAFKA_PREFIX}exceptions, ${KAFKA_PREFIX}heatmaps.`)
    })
  )

  it.live("capture waits for the tables that a worker makes, and its readiness says so", () =>
    Effect.gen(function* () {
      const DATABASE_URL = yield* TestDatabase.make("program")
      const program = yield* start("capture", { DATABASE_URL })
      const readiness = `http://127.0.0.1:${program.healthPort}/_readiness`
      const found = yield* eventually(readiness, ({ text }) => text.includes('"PostgreSQL"'))
      assert.strictEqual(found?.status, 503)
      assert.include(found?.text, "the tables of projects are not there yet")
      yield* tables(DATABASE_URL)
      yield* eventually(readiness, ({ status }) => status === 200)
      assert.strictEqual((yield* capture(program, "a")).status, 200)
    })
  )

  it.live("capture serves while PostgreSQL is away", () =>
    Effect.gen(function* () {
      const nobody = yield* Port.take
      const program = yield* start("capture", { DATABASE_URL: `postgres://me:hidden@127.0.0.1:${nobody}/x` })
      yield* eventually(`http://127.0.0.1:${program.healthPort}/_readiness`, ({ status }) => status === 200)
      assert.strictEqual((yield* capture(program, "a")).status, 200)
      const { code, errors, printed } = yield* program.kill("SIGTERM")
      assert.deepStrictEqual([code, errors], [0, ""])
      assert.include(printed, "PostgreSQL is away")
      assert.notInclude(printed, "hidden")
    })
  )

  it.live("capture that nobody sends to tells of a Kafka that goes away, and of its return", () =>
    Effect.gen(function* () {
      const kafka = Context.get(
        yield* Layer.build(EmbeddedKafka.layer({ dataDir: yield* Folder.make, heapMegabytes: 256 })),
        EmbeddedKafka
      )
      const program = yield* start("capture", { KAFKA_HOSTS: kafka.host })
      const readiness = `http://127.0.0.1:${program.healthPort}/_readiness`
      yield* eventually(readiness, ({ status }) => status === 200)
      yield* kafka.kill
      const found = yield* eventually(readiness, ({ status }) => status !== 200)
      assert.strictEqual(found?.status, 503)
      assert.include(found?.text, '"the log"')
      assert.include(found?.text, kafka.host)
      yield* kafka.restart
      yield* eventually(readiness, ({ status }) => status === 200)
    })
  )

  it.live("worker waits for PostgreSQL, and its readiness says so", () =>
    Effect.gen(function* () {
      const nobody = yield* Port.take
      const program = yield* start("worker", { DATABASE_URL: `postgres://me:hidden@127.0.0.1:${nobody}/x` })
      const health = `http://127.0.0.1:${program.healthPort}`
      const found = yield* eventually(`${health}/_readiness`, ({ text }) => text.includes('"PostgreSQL"'))
      assert.strictEqual(found?.status, 503)
      assert.include(found?.text, `127.0.0.1:${nobody}`)
      const { code, errors, printed } = yield* program.kill("SIGTERM")
      assert.deepStrictEqual([code, errors], [0, ""])
      assert.notInclude(printed, "hidden")
    })
  )

  it.live("worker works while ClickHouse is away, which its readiness tells, and drains on SIGTERM", () =>
    Effect.gen(function* () {
      const program = yield* start("worker")
      const health = `http://127.0.0.1:${program.healthPort}`
      const found = yield* eventually(
        `${health}/_readiness`,
        ({ text }) => text.includes('"ClickHouse"') && !text.includes("starting")
      )
      assert.strictEqual(found?.status, 503)
      assert.include(found?.text, `127.0.0.1:${program.nobody}`)
      assert.strictEqual((yield* request(`${health}/_liveness`)).status, 200)
      const { code, errors } = yield* program.kill("SIGTERM")
      assert.deepStrictEqual([code, errors], [0, ""])
    })
  )

  for (const count of ["1", "2"]) {
    it.live(`capture in ${count} process(es) serves, tells its health and metrics, and leaves nobody behind`, () =>
      Effect.gen(function* () {
        const mark = randomUUID()
        const program = yield* start("capture", { CAPTURE_PROCESSES: count, KAFKA_PREFIX: `${mark}.` })
        const health = `http://127.0.0.1:${program.healthPort}`
        yield* eventually(`${health}/_readiness`, ({ status }) => status === 200)
        assert.strictEqual((yield* request(`http://127.0.0.1:${program.port}/_readiness`)).status, 200)
        assert.strictEqual((yield* request(`${health}/_liveness`)).status, 200)
        assert.strictEqual((yield* request(`http://127.0.0.1:${program.port}/metrics`)).status, 404)
        // Connections go round: each process gets some of them.
        const counted = /^capture_events_ingested_total(?:\{process="(\d)"\})? [1-9]/gm
        const served = Effect.gen(function* () {
          assert.strictEqual((yield* capture(program, "a")).status, 200)
          const { text } = yield* request(`${health}/metrics`)
          return [...text.matchAll(counted)].map(([, process]) => process ?? "1").sort()
        })
        const wanted = count === "1" ? ["1"] : ["1", "2"]
        const all = yield* Effect.repeat(served, { until: (processes) => processes.length >= wanted.length })
        assert.deepStrictEqual(all, wanted)
        const { code, errors } = yield* program.kill("SIGTERM")
        assert.deepStrictEqual([code, errors], [0, ""])
        assert.deepStrictEqual(processesWith(`KAFKA_PREFIX=${mark}.`), [])
      })
    )
  }

  it.live("of two processes of capture none outlives the first", () =>
    Effect.gen(function* () {
      const mark = randomUUID()
      const program = yield* start("capture", { CAPTURE_PROCESSES: "2", KAFKA_PREFIX: `${mark}.` })
      yield* eventually(`http://127.0.0.1:${program.healthPort}/_readiness`, ({ status }) => status === 200)
      yield* program.kill("SIGKILL")
      yield* until(() => processesWith(`KAFKA_PREFIX=${mark}.`).length === 0)
    })
  )
})
