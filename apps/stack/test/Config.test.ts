import { assert, describe, it } from "@effect/vitest"
import { explain } from "@tributary/runtime-node/config/Explain"
import { ConfigProvider, Effect } from "effect"
import { settings } from "../src/Config.ts"

const read = (environment: Record<string, string>) =>
  settings
    .parse(ConfigProvider.fromEnvRecord(environment))
    .pipe(Effect.catchTag("ConfigError", (error) => Effect.succeed(explain(error, environment))))

describe("the stack's settings", () => {
  it.effect("nothing needs to be set", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), {
        dataDir: ".tributary",
        host: "127.0.0.1",
        projectToken: "phc_local",
        port: 8000,
        postgresPort: 54_320,
        clickhousePort: 8123,
        kafkaPort: 9092,
        healthPort: 8001,
        database: "tributary",
        partitions: 4,
        encryptionKeys: undefined
      })
    })
  )

  for (const [name, value, part] of [
    ["PROJECT_TOKEN", "phx_of_a_person", "phx_"],
    ["KAFKA_PORT", "0", "65535"],
    ["CLICKHOUSE_DATABASE", "my-events", "letters, digits and underscores"],
    ["KAFKA_TOPIC_PARTITIONS", "0", "from 1 to 1000"]
  ] as const) {
    it.effect(`${name}=${value} is refused with a line that says what it may be`, () =>
      Effect.gen(function* () {
        const line = String(yield* read({ [name]: value }))
        assert.match(line, new RegExp(`^${name}=.*: Expected .*${part}`))
        assert.notInclude(line, "\n")
      })
    )
  }
})
