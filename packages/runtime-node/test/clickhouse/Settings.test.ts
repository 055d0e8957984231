import { assert, describe, it } from "@effect/vitest"
import { type Config, ConfigProvider, Effect, Redacted } from "effect"
import * as Settings from "../../src/clickhouse/Settings.ts"
import { explain } from "../../src/config/Explain.ts"

const reading = <A>(config: Config.Config<A>, environment: Record<string, string>) =>
  config.pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment))),
    Effect.catchTag("ConfigError", (error) => Effect.succeed(explain(error, environment)))
  )

describe("the settings of ClickHouse", () => {
  it.effect("take user and password from the address, and rather from settings of their own", () =>
    Effect.gen(function* () {
      const read = (environment: Record<string, string>) =>
        Effect.map(reading(Settings.connection, environment), (found) =>
          typeof found === "string" ? found : [found.url, found.username, Redacted.value(found.password)]
        )
      const CLICKHOUSE_URL = "http://u:p%2Fw@h:8123"
      assert.deepStrictEqual(yield* read({ CLICKHOUSE_URL: "https://h:8443" }), ["https://h:8443", "default", ""])
      assert.deepStrictEqual(yield* read({ CLICKHOUSE_URL }), ["http://h:8123", "u", "p/w"])
      assert.deepStrictEqual(yield* read({ CLICKHOUSE_URL, CLICKHOUSE_USER: "v" }), ["http://h:8123", "v", "p/w"])
      const both = { CLICKHOUSE_URL, CLICKHOUSE_USER: "v", CLICKHOUSE_PASSWORD: "q" }
      assert.deepStrictEqual(yield* read(both), ["http://h:8123", "v", "q"])
    })
  )

  it.effect("say in one line what an address should look like, and never the password", () =>
    Effect.gen(function* () {
      for (const CLICKHOUSE_URL of ["h:8123", "tcp://u:s3cret@h:9000", "http://u:s3cret@h/db", "http://u:s3%cret@h"]) {
        const line = yield* reading(Settings.connection, { CLICKHOUSE_URL })
        assert.match(String(line), /^CLICKHOUSE_URL=…: Expected the address of ClickHouse's HTTP protocol, such as /)
        assert.notInclude(String(line), "s3cret")
      }
      assert.match(String(yield* reading(Settings.connection, {})), /^CLICKHOUSE_URL is not set: /)
    })
  )

  it.effect("take the brokers of the log unless ClickHouse sees them elsewhere", () =>
    Effect.gen(function* () {
      const hosts = { KAFKA_HOSTS: "a:1" }
      assert.deepStrictEqual(yield* reading(Settings.kafka, hosts), { brokers: "a:1", groupPrefix: "clickhouse-" })
      const other = { ...hosts, CLICKHOUSE_KAFKA_HOSTS: "b:1", CLICKHOUSE_KAFKA_GROUP_PREFIX: "x-" }
      assert.deepStrictEqual(yield* reading(Settings.kafka, other), { brokers: "b:1", groupPrefix: "x-" })
      assert.match(String(yield* reading(Settings.kafka, {})), /^KAFKA_HOSTS is not set/)
    })
  )

  it.effect("refuse a database that is no identifier, and days that are too many", () =>
    Effect.gen(function* () {
      const wrong = { CLICKHOUSE_DATABASE: "a; DROP" }
      assert.match(String(yield* reading(Settings.schema, wrong)), /^CLICKHOUSE_DATABASE=a; DROP: Expected letters/)
      const long = { EVENTS_TTL_DAYS: "17001" }
      assert.match(String(yield* reading(Settings.schema, long)), /^EVENTS_TTL_DAYS=17001: Expected a whole number/)
      assert.match(
        String(yield* reading(Settings.ingest, { CLICKHOUSE_INGEST: "both" })),
        /^CLICKHOUSE_INGEST=both: Expected "sink" \| "kafka-engine"/
      )
    })
  )
})
