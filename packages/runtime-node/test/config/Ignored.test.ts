import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { kindOf, tell } from "../../src/config/Ignored.ts"

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

  it.effect("says of settings whose feature is still to come that they are not read yet", () =>
    Effect.gen(function* () {
      const environment = {
        REDIS_URL: "redis://:hidden@redis",
        OVERFLOW_ENABLED: "true",
        EVENT_OVERFLOW_BUCKET_CAPACITY: "10",
        COOKIELESS_SALT_TTL_SECONDS: "1",
        COOKIELESS_DISABLED: "true",
        REDIS_READER_HOST: "redis"
      }
      assert.deepStrictEqual(yield* told(environment), [
        "Settings of PostHog's that have no meaning here, and are ignored: REDIS_READER_HOST",
        "Settings that are not read yet, and change nothing so far: " +
          "COOKIELESS_SALT_TTL_SECONDS, EVENT_OVERFLOW_BUCKET_CAPACITY, OVERFLOW_ENABLED, REDIS_URL"
      ])
    })
  )

  it("knows librdkafka's settings, older names of topics and brokers of the producer's own, and lets our own pass", () => {
    for (const name of [
      "KAFKA_CONSUMER_FETCH_MIN_BYTES",
      "KAFKA_SOCKET_TIMEOUT_MS",
      "KAFKA_HEATMAPS_TOPIC",
      "KAFKA_PRODUCER_HOSTS",
      "KAFKA_PRODUCER_SECURITY_PROTOCOL"
    ]) {
      assert.strictEqual(kindOf(name), "ignored", name)
    }
    for (const name of ["KAFKA_PRODUCER_IDEMPOTENT", "KAFKA_TOPIC_PARTITIONS", "CONSUMER_BATCH_SIZE", "KAFKA_TLS"]) {
      assert.isUndefined(kindOf(name), name)
    }
  })
})
