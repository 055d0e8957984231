import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { isIgnored, tell } from "../../src/config/Ignored.ts"

/** The lines that are logged at a start in an environment. */
const told = (environment: Record<string, string>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push([message].flat().join(" ")))
    return Effect.as(Effect.provide(tell(environment), Logger.layer([logger])), lines)
  })

describe("Ignored", () => {
  it.effect("names what has no meaning in one line, without values", () =>
    Effect.gen(function* () {
      const environment = {
        PATH: "/bin",
        PORT: "8000",
        KAFKA_HOSTS: "kafka:9092",
        POSTHOG_API_KEY: "phc_an_sdks_own",
        POSTHOG_DB_PASSWORD: "hidden",
        KAFKA_PRODUCER_LINGER_MS: "20",
        PRINT_SINK: "true"
      }
      assert.deepStrictEqual(yield* told(environment), [
        "Settings of PostHog's that have no meaning here, and are ignored: " +
          "KAFKA_PRODUCER_LINGER_MS, POSTHOG_DB_PASSWORD, PRINT_SINK"
      ])
    })
  )

  it.effect("says nothing where there is nothing to say, or a setting is empty", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told({ PATH: "/bin", PRINT_SINK: "" }), [])
    })
  )

  it("knows librdkafka's settings and older names of topics, and lets our own pass", () => {
    for (const name of ["KAFKA_CONSUMER_FETCH_MIN_BYTES", "KAFKA_SOCKET_TIMEOUT_MS", "KAFKA_HEATMAPS_TOPIC"]) {
      assert.isTrue(isIgnored(name), name)
    }
    for (const name of ["KAFKA_PRODUCER_IDEMPOTENT", "KAFKA_TOPIC_PARTITIONS", "CONSUMER_BATCH_SIZE", "CAPTURE_MODE"]) {
      assert.isFalse(isIgnored(name), name)
    }
  })

  it("has one way to Kafka: brokers of the producer's own, and capture's older switch for TLS, mean nothing", () => {
    for (const name of ["KAFKA_PRODUCER_HOSTS", "KAFKA_PRODUCER_SECURITY_PROTOCOL", "KAFKA_TLS"]) {
      assert.isTrue(isIgnored(name), name)
    }
    for (const name of ["KAFKA_HOSTS", "KAFKA_SECURITY_PROTOCOL", "KAFKA_TLS_VERIFY"]) {
      assert.isFalse(isIgnored(name), name)
    }
  })
})
