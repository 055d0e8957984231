import { assert, describe, it } from "@effect/vitest"
import * as Settings from "@tributary/pipeline/capture/Settings"
import { explain } from "@tributary/runtime-node/config/Explain"
import { health } from "@tributary/runtime-node/config/Listen"
import * as CaptureServer from "@tributary/runtime-node/http/CaptureServer"
import * as Topics from "@tributary/runtime-node/kafka/Topics"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { capture, server, settings } from "../src/Config.ts"

const host = "0.0.0.0"
const all = Config.all({ server: server({ host }), capture, health: health({ host }) })

const read = (environment: Record<string, string>) => all.parse(ConfigProvider.fromEnvRecord(environment))

describe("capture's settings", () => {
  it.effect("without any, they are the defaults of the program", () =>
    Effect.gen(function* () {
      const settings = yield* read({})
      assert.deepStrictEqual(settings.server, CaptureServer.defaults)
      const { topics, ...rest } = settings.capture
      const { topics: names, ...defaults } = Settings.defaults
      assert.deepStrictEqual(rest, defaults)
      assert.deepStrictEqual(topics, {
        ...names,
        exceptions: undefined,
        heatmaps: undefined,
        clientWarnings: undefined
      })
      assert.deepStrictEqual(settings.health, { host, port: 8001 })
    })
  )

  it.effect("each of them is read", () =>
    Effect.gen(function* () {
      const settings = yield* read({
        HOST: "127.0.0.1",
        PORT: "9000",
        HEALTH_PORT: "9001",
        MAX_BODY: "1 MB",
        MAX_INFLATED: "2 MB",
        MAX_EVENT: "3000",
        TRUSTED_PROXIES: "8.8.8.0/24",
        CONCURRENCY_LIMIT: "7",
        HTTP1_HEADER_READ_TIMEOUT_MS: "100",
        BODY_CHUNK_READ_TIMEOUT_MS: "200",
        CAPTURE_TOKEN_CHECK: "reject",
        CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC: "exc",
        KAFKA_PREFIX: "eu_",
        ENABLE_HISTORICAL_REROUTING: "true",
        HISTORICAL_REROUTING_THRESHOLD_DAYS: "2"
      })
      const { trustedProxies, ...rest } = settings.server
      assert.deepStrictEqual(rest, {
        host: "127.0.0.1",
        port: 9000,
        maxBodyBytes: 1_000_000,
        concurrencyLimit: 7,
        headerReadTimeoutMs: 100,
        bodyChunkReadTimeoutMs: 200,
        drainMs: CaptureServer.defaults.drainMs,
        servesMetrics: false
      })
      assert.isTrue(trustedProxies.peerOf("8.8.8.8").isTrusted)
      assert.deepStrictEqual(settings.capture, {
        topics: {
          main: "eu_events_plugin_ingestion",
          overflow: "eu_events_plugin_ingestion_overflow",
          historical: "eu_events_plugin_ingestion_historical",
          deadLetters: "eu_events_plugin_ingestion_dlq",
          exceptions: "eu_exc",
          heatmaps: undefined,
          clientWarnings: undefined
        },
        tokenCheck: "reject",
        maxInflatedBytes: 2_000_000,
        maxEventBytes: 3_000,
        historicalAfterDays: 2
      })
      assert.deepStrictEqual(settings.health, { host: "127.0.0.1", port: 9001 })
    })
  )

  it.effect("topics of their own are among those that must be there at the start, each once", () =>
    Effect.gen(function* () {
      const lanes = ["", "_overflow", "_historical", "_dlq"].map((lane) => `eu_events_plugin_ingestion${lane}`)
      const written = (environment: Record<string, string>) =>
        Effect.map(read({ KAFKA_PREFIX: "eu_", ...environment }), ({ capture: { topics } }) => Topics.ofCapture(topics))
      assert.sameMembers([...(yield* written({}))], lanes)
      const own = yield* written({
        CAPTURE_OUTPUT_ERROR_TRACKING_TOPIC: "errors",
        CAPTURE_OUTPUT_HEATMAPS_TOPIC: "events_plugin_ingestion",
        CAPTURE_OUTPUT_CLIENT_WARNINGS_TOPIC: "warnings"
      })
      assert.sameMembers([...own], [...lanes, "eu_errors", "eu_warnings"])
    })
  )

  it.effect("ADDRESS and HTTP_SERVER_PORT are read where the names of ours are missing", () =>
    Effect.gen(function* () {
      const upstream = yield* read({ ADDRESS: "[::1]:3000", HTTP_SERVER_PORT: "3001" })
      assert.deepStrictEqual([upstream.server.host, upstream.server.port, upstream.health.port], ["::1", 3000, 3001])
      const both = yield* read({
        ADDRESS: "10.0.0.1:3000",
        PORT: "9000",
        HTTP_SERVER_PORT: "3001",
        HEALTH_PORT: "9001"
      })
      assert.deepStrictEqual([both.server.host, both.server.port, both.health.port], ["10.0.0.1", 9000, 9001])
    })
  )

  for (const [name, value] of [
    ["PORT", "0x"],
    ["ADDRESS", "8000"],
    ["MAX_BODY", "much"],
    ["MAX_INFLATED", "1 GB"],
    ["MAX_EVENT", "9 MB"],
    ["TRUSTED_PROXIES", "everybody"],
    ["CONCURRENCY_LIMIT", "0"],
    ["BODY_CHUNK_READ_TIMEOUT_MS", "1 s"],
    ["CAPTURE_MODE", "import"],
    ["CAPTURE_TOKEN_CHECK", "maybe"],
    ["ENABLE_HISTORICAL_REROUTING", "maybe"],
    ["CAPTURE_OUTPUT_HEATMAPS_TOPIC", "a b"]
  ] as const) {
    it.effect(`a wrong ${name} is told in one line that names it`, () =>
      Effect.gen(function* () {
        const environment = { [name]: value }
        const error = yield* Effect.flip(read(environment))
        const line = explain(error, environment)
        assert.match(line, new RegExp(`^${name}=.*: .*[Ee]xpected`))
        assert.notInclude(line, "\n")
      })
    )
  }

  it.effect("as a program it needs brokers and PostgreSQL, and has no fewer connections than it says", () =>
    Effect.gen(function* () {
      const needed = { KAFKA_HOSTS: "kafka:9092", DATABASE_URL: "postgres://db/x" }
      const line = (environment: Record<string, string>) =>
        settings.parse(ConfigProvider.fromEnvRecord(environment)).pipe(
          Effect.as("it starts"),
          Effect.catchTag("ConfigError", (error) => Effect.succeed(explain(error, environment)))
        )
      assert.strictEqual(yield* line({ ...needed, POSTGRES_POOL_SIZE: "4" }), "it starts")
      for (const name of ["KAFKA_HOSTS", "DATABASE_URL"]) {
        assert.strictEqual(yield* line({ ...needed, [name]: "" }), `${name} is not set`)
      }
      assert.strictEqual(
        yield* line({ ...needed, POSTGRES_POOL_SIZE: "1" }),
        "POSTGRES_POOL_SIZE=1: Expected a whole number from 4 to 1000"
      )
    })
  )
})
