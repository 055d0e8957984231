import { assert, describe, it } from "@effect/vitest"
import { explain } from "@tributary/runtime-node/config/Explain"
import { ConfigProvider, Effect } from "effect"
import { settings } from "../src/Config.ts"

const needed = {
  KAFKA_HOSTS: "kafka:9092",
  DATABASE_URL: "postgres://me:hidden@db/x",
  CLICKHOUSE_URL: "http://clickhouse:8123"
}

const read = (environment: Record<string, string>) =>
  settings.parse(ConfigProvider.fromEnvRecord({ ...needed, ...environment }))

/** The line with which a start ends. */
const refusal = (environment: Record<string, string>) =>
  Effect.map(Effect.flip(read(environment)), (error) => explain(error, { ...needed, ...environment }))

describe("the worker's settings", () => {
  for (const [name, value, part] of [
    ["CLICKHOUSE_KAFKA_HOSTS", "no port, here", "kafka-1:9092"],
    ["INGESTION_CONSUMER_GROUP_ID", " ", "without blanks"],
    ["CLICKHOUSE_KAFKA_GROUP_PREFIX", "a b", "without blanks"],
    ["FLAG_CALLED_PERSONLESS_DEFAULT_TEAMS", "all,x", "a comma list of ids"],
    ["SITE_URL", "nonsense", "https://"],
    ["POSTGRES_POOL_SIZE", "3", "from 4 to 1000"],
    ["CLICKHOUSE_DATABASE", "my-events", "letters, digits and underscores"]
  ] as const) {
    it.effect(`${name}=${value} is refused with a line that says what it may be`, () =>
      Effect.gen(function* () {
        const line = yield* refusal({ [name]: value })
        assert.include(line, `${name}=${value}: Expected`)
        assert.include(line, part)
        assert.notInclude(line, "\n")
      })
    )
  }

  for (const name of Object.keys(needed)) {
    it.effect(`${name} must be set, and is not when it is empty`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* refusal({ [name]: "" }), `${name} is not set`)
      })
    )
  }
})
