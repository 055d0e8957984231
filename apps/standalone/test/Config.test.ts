import { assert, describe, it } from "@effect/vitest"
import { explain } from "@tributary/runtime-node/config/Explain"
import { ConfigProvider, Effect } from "effect"
import { conflict, settings } from "../src/Config.ts"

/** The line with which a start in this environment ends; undefined if it does not end. */
const refusal = (environment: Record<string, string>) =>
  settings.parse(ConfigProvider.fromEnvRecord(environment)).pipe(
    Effect.map(conflict),
    Effect.catchTag("ConfigError", (error) => Effect.succeed(explain(error, environment)))
  )

describe("settings", () => {
  for (const [environment, ...parts] of [
    [{ PORT: "80000" }, "PORT=80000", "65535"],
    [{ PORT: "eight" }, "PORT=eight", "65535"],
    [{ PROJECT_TOKEN: "phx_of_a_person" }, "PROJECT_TOKEN=…", "phx_"],
    [{ CAPTURE_GATHER: "soon" }, "CAPTURE_GATHER=soon", "5 millis"],
    [{ PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT: "many" }, "PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT=many", "a whole number"],
    [{ HOST: "0.0.0.0" }, "ADMIN_TOKEN is not set", "HOST=0.0.0.0"],
    [{ CLICKHOUSE_INGEST: "both" }, "CLICKHOUSE_INGEST=both", '"sink"'],
    [{ CLICKHOUSE_INGEST: "kafka-engine" }, "CLICKHOUSE_INGEST=kafka-engine", "sink", "KAFKA_HOSTS"],
    [{ KAFKA_HOSTS: "kafka" }, "KAFKA_HOSTS=kafka", "kafka-1:9092"],
    [{ KAFKA_HOSTS: "a:1", KAFKA_TOPIC_PARTITIONS: "0" }, "KAFKA_TOPIC_PARTITIONS=0", "from 1 to 1000"],
    [{ LOG_RETENTION: "soon" }, "LOG_RETENTION=soon", "24 hours"],
    [{ MAX_BODY: "-1" }, "MAX_BODY=-1", "a number of bytes"],
    [{ CONSUMER_BATCH_SIZE: "0" }, "CONSUMER_BATCH_SIZE=0", "from 1 to"],
    [{ POSTGRES_POOL_SIZE: "2" }, "POSTGRES_POOL_SIZE=2", "from 7 to"],
    [{ TRUSTED_PROXIES: "everybody" }, "TRUSTED_PROXIES=everybody", "private"],
    [{ CAPTURE_TOKEN_CHECK: "maybe" }, "CAPTURE_TOKEN_CHECK=maybe", '"reject"'],
    [{ DATABASE_URL: "mysql://me:hidden@db/x" }, "DATABASE_URL=…", "postgres://"],
    [{ DATABASE_URL: "me:hidden@db" }, "DATABASE_URL=…", "postgres://"],
    [{ CLICKHOUSE_URL: "hidden" }, "CLICKHOUSE_URL=…", "http"],
    [
      { CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC: "a", INGESTION_CONSUMER_CONSUME_TOPIC: "b" },
      "INGESTION_CONSUMER_CONSUME_TOPIC=b"
    ]
  ] as const) {
    const name = Object.entries(environment).map((pair) => pair.join("="))
    it.effect(`${name.join(" ")} is refused with a line that says what it may be`, () =>
      Effect.gen(function* () {
        const line = yield* refusal(environment)
        for (const part of parts) assert.include(line, part)
        assert.notInclude(line, "hidden")
        assert.notInclude(line, "\n")
      })
    )
  }

  it.effect("nothing needs to be set", () =>
    Effect.gen(function* () {
      assert.isUndefined(yield* refusal({}))
    })
  )

  it.effect("with KAFKA_HOSTS missing topics are made, and ClickHouse may read them by itself", () =>
    Effect.gen(function* () {
      const environment = { KAFKA_HOSTS: "a:1,b:2", CLICKHOUSE_INGEST: "kafka-engine" }
      assert.isUndefined(yield* refusal(environment))
      const { kafka } = yield* settings.parse(ConfigProvider.fromEnvRecord(environment))
      assert.deepStrictEqual([kafka?.hosts, kafka?.partitions], [["a:1", "b:2"], 4])
    })
  )
})
