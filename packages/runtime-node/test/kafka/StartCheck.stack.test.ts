/** What a program says at its start about brokers that do not let it in, with doors of every kind. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Health from "@tributary/pipeline/service/Health"
import { Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import * as Folder from "../../../embedded/test/support/Folder.ts"
import * as Client from "../../src/kafka/Client.ts"
import type { KafkaSettings, Sasl, Tls } from "../../src/kafka/Settings.ts"
import * as StartCheck from "../../src/kafka/StartCheck.ts"
import * as TestKafka from "./TestKafka.ts"

const fixture = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures/tls", name), "utf8")

const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_capture="s3cret";'
const secured = ["sasl_plaintext", "sasl_ssl"].map((door) => ({
  [`listener.name.${door}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-512",
  [`listener.name.${door}.plain.sasl.jaas.config`]: plain,
  [`listener.name.${door}.scram-sha-512.sasl.jaas.config`]: scram
}))

/** Its certificate is for `database.test`. */
const broker = Layer.unwrap(
  Effect.gen(function* () {
    const dataDir = yield* Folder.make
    const folder = yield* Folder.make
    const keystore = join(folder, "broker.pem")
    writeFileSync(keystore, fixture("server.key") + fixture("server.pem"))
    return EmbeddedKafka.layer({
      dataDir,
      listeners: ["SSL", "SASL_PLAINTEXT", "SASL_SSL"],
      users: ["SCRAM-SHA-512=[name=capture,password=s3cret]"],
      settings: Object.assign({ "ssl.keystore.type": "PEM", "ssl.keystore.location": keystore }, ...secured)
    })
  })
)

type Door = "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL"

const tls = (partial: Partial<Tls> = {}): Tls => ({ trusted: undefined, client: undefined, verify: true, ...partial })
const sasl = (password: string, mechanism: Sasl["mechanism"] = "SCRAM-SHA-512"): Sasl => ({
  mechanism,
  user: "capture",
  password: Redacted.make(password)
})

for (const client of ["platformatic", "kafkajs"] as const) {
  layer(broker, { excludeTestServices: true, timeout: "2 minutes" })(`the start over ${client}`, (it) => {
    const start = (door: Door, partial: Partial<KafkaSettings>) =>
      Effect.gen(function* () {
        const { host, hostOf } = yield* EmbeddedKafka
        const hosts = [door === "PLAINTEXT" ? host : (hostOf(door) ?? "")]
        const settings = TestKafka.settings(client, { hosts, ...partial })
        return yield* Effect.scoped(Effect.as(Layer.build(Client.layer(settings, { gatherMs: 0 })), "started"))
      }).pipe(
        Effect.catchTag("KafkaStartError", ({ message }) => Effect.succeed(message)),
        Effect.provide(Health.Health.layer)
      )

    it.effect("goes on where a user or a certificate is right", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* start("PLAINTEXT", {}), "started")
        assert.strictEqual(yield* start("SASL_PLAINTEXT", { sasl: sasl("s3cret") }), "started")
        assert.strictEqual(yield* start("SASL_PLAINTEXT", { sasl: sasl("s3cret", "PLAIN") }), "started")
        const unverified = tls({ verify: false })
        assert.strictEqual(yield* start("SSL", { tls: unverified }), "started")
        assert.strictEqual(yield* start("SASL_SSL", { tls: unverified, sasl: sasl("s3cret") }), "started")
      })
    )

    it.effect("names a wrong password, and does not show it", () =>
      Effect.gen(function* () {
        for (const mechanism of ["PLAIN", "SCRAM-SHA-512"] as const) {
          assert.strictEqual(
            yield* start("SASL_PLAINTEXT", { sasl: sasl("wr0ng", mechanism) }),
            "KAFKA_SASL_USER=capture, KAFKA_SASL_PASSWORD: Kafka knows no such user and password"
          )
        }
      })
    )

    it.effect("names a mechanism that the brokers do not have", () =>
      Effect.gen(function* () {
        const line = yield* start("SASL_PLAINTEXT", { sasl: sasl("s3cret", "SCRAM-SHA-256") })
        assert.match(line, /^KAFKA_SASL_MECHANISM=SCRAM-SHA-256: the brokers do not offer it: /)
      })
    )

    it.effect("names a certificate that nobody vouches for, or that is for another name", () =>
      Effect.gen(function* () {
        const unknown = yield* start("SSL", { tls: tls() })
        assert.match(unknown, /^KAFKA_TRUSTED_CERT_B64: the certificate of KAFKA_HOSTS=\S+ cannot be verified: /)
        const otherName = yield* start("SSL", { tls: tls({ trusted: fixture("ca.pem") }) })
        assert.match(otherName, /^KAFKA_TRUSTED_CERT_B64: .*cannot be verified: .*altnames/)
      })
    )

    it.effect("waits for brokers that are away, and tells why it is not ready", () =>
      Effect.gen(function* () {
        const health = yield* Health.Health
        const settings = TestKafka.settings(client, { hosts: ["127.0.0.1:1"] })
        const starting = yield* Effect.forkChild(
          Effect.flatMap(Client.load(settings), (loaded) => StartCheck.run(settings, loaded))
        )
        const troubles = yield* Effect.repeat(health.troubles, {
          schedule: Schedule.spaced("50 millis"),
          until: (found) => found.length > 0
        })
        assert.strictEqual(troubles[0]!.engine, "the log")
        assert.include(troubles[0]!.reason, "127.0.0.1:1")
        assert.isUndefined(starting.pollUnsafe())
        yield* Fiber.interrupt(starting)
      }).pipe(Effect.provide(Health.Health.layer))
    )
  })
}

layer(broker, { excludeTestServices: true, timeout: "2 minutes" })("a door that wants TLS", (it) => {
  it.effect("is named by @platformatic/kafka", () =>
    Effect.gen(function* () {
      const { hostOf } = yield* EmbeddedKafka
      const settings = TestKafka.settings("platformatic", { hosts: [hostOf("SSL") ?? ""] })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Client.layer(settings, { gatherMs: 0 }))))
      assert.match(error.message, /^KAFKA_SECURITY_PROTOCOL: KAFKA_HOSTS=\S+ wants TLS: /)
    }).pipe(Effect.provide(Health.Health.layer))
  )
})
