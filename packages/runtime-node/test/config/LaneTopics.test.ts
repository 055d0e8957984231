import { assert, describe, it } from "@effect/vitest"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { explain } from "../../src/config/Explain.ts"
import { laneTopics } from "../../src/config/LaneTopics.ts"

const read = (environment: Record<string, string>) =>
  laneTopics
    .parse(ConfigProvider.fromEnvRecord(environment))
    .pipe(Effect.catchTag("ConfigError", (error) => Effect.succeed(explain(error, environment))))

const main = "CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC"
const consumed = "INGESTION_CONSUMER_CONSUME_TOPIC"

describe("LaneTopics", () => {
  it.effect("the lanes have PostHog's names, behind the prefix", () =>
    Effect.gen(function* () {
      const names = {
        main: "events_plugin_ingestion",
        overflow: "events_plugin_ingestion_overflow",
        historical: "events_plugin_ingestion_historical"
      }
      assert.deepStrictEqual(yield* read({}), names)
      assert.deepStrictEqual(yield* read({ KAFKA_PREFIX: "eu_", [main]: "in" }), {
        main: "eu_in",
        overflow: `eu_${names.overflow}`,
        historical: `eu_${names.historical}`
      })
    })
  )

  it.effect("capture's and the worker's names mean the same topic, and must not differ", () =>
    Effect.gen(function* () {
      for (const environment of [{ [main]: "in" }, { [consumed]: "in" }, { [main]: "in", [consumed]: "in" }]) {
        const lanes = yield* read(environment)
        assert.strictEqual(typeof lanes === "string" ? lanes : lanes.main, "in")
      }
      assert.strictEqual(
        yield* read({ [main]: "in", [consumed]: "other" }),
        `${consumed}=other: Expected in, as ${main} says`
      )
      assert.match(
        String(yield* read({ [main]: "not a topic" })),
        /^CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC=not a topic: Expected a topic's name/
      )
    })
  )
})
