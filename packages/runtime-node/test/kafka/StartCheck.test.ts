/** What the start says before it asks any broker. Brokers that answer: StartCheck.stack.test.ts. */
import { assert, describe, it } from "@effect/vitest"
import * as Health from "@tributary/pipeline/service/Health"
import { Effect } from "effect"
import * as Client from "../../src/kafka/Client.ts"
import { compressions, type KafkaSettings } from "../../src/kafka/Settings.ts"
import * as StartCheck from "../../src/kafka/StartCheck.ts"

const settings = (partial: Partial<KafkaSettings>): KafkaSettings => ({
  hosts: ["127.0.0.1:1"],
  client: "kafkajs",
  clientId: "test",
  rack: undefined,
  tls: undefined,
  sasl: undefined,
  idempotent: false,
  compression: "gzip",
  partitions: undefined,
  replication: undefined,
  ...partial
})

describe("the start check", () => {
  it.effect("names a compression that the client cannot do without another package", () =>
    Effect.gen(function* () {
      const client = yield* Client.load(settings({}))
      const alone = { ...client, compressions: Effect.succeed(new Set(["none", "gzip", "zstd"] as const)) }
      const error = yield* Effect.flip(StartCheck.run(settings({ compression: "lz4" }), alone))
      assert.strictEqual(
        error.message,
        "KAFKA_COMPRESSION=lz4: KAFKA_CLIENT=kafkajs has none, gzip, zstd; for others install @platformatic/kafka beside it"
      )
    }).pipe(Effect.provide(Health.Health.layer))
  )

  for (const client of ["platformatic", "kafkajs"] as const) {
    it.effect(`finds all compressions for ${client} where both clients are installed`, () =>
      Effect.gen(function* () {
        const loaded = yield* Client.load(settings({ client }))
        assert.deepStrictEqual([...(yield* loaded.compressions)], [...compressions])
      })
    )
  }
})
