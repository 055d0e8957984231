import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { explain } from "../../src/config/Explain.ts"
import * as Settings from "../../src/kafka/Settings.ts"

/** The settings, or the line that says what is wrong with them. */
const read = (environment: Record<string, string>) =>
  Settings.settings.pipe(
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(environment))),
    Effect.catchTag("ConfigError", (error) => Effect.succeed(explain(error, environment)))
  )

const KAFKA_HOSTS = "kafka-1:9092"
const scram = {
  KAFKA_HOSTS,
  KAFKA_SECURITY_PROTOCOL: "sasl_ssl",
  KAFKA_SASL_MECHANISM: "scram-sha-512",
  KAFKA_SASL_USER: "capture",
  KAFKA_SASL_PASSWORD: "s3cret"
}
const certificate = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
const key = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n"
const base64 = (text: string) => Buffer.from(text).toString("base64")

describe("the settings of Kafka", () => {
  it.effect("need the brokers alone", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({ KAFKA_HOSTS: "kafka-1:9092, [::1]:9093" }), {
        hosts: ["kafka-1:9092", "[::1]:9093"],
        client: "platformatic",
        clientId: "tributary",
        rack: undefined,
        tls: undefined,
        sasl: undefined,
        idempotent: false,
        compression: "zstd",
        partitions: undefined,
        replication: undefined
      })
      for (const nothing of [{}, { KAFKA_HOSTS: "" }]) {
        assert.strictEqual(String(yield* read(nothing)), "KAFKA_HOSTS is not set")
      }
    })
  )

  it.effect("say what a broker's address looks like", () =>
    Effect.gen(function* () {
      for (const hosts of ["kafka-1", "kafka-1:x", "kafka-1:9092,", "kafka-1:70000", "http://kafka-1:9092"]) {
        const line = String(yield* read({ KAFKA_HOSTS: hosts }))
        assert.include(line, `KAFKA_HOSTS=${hosts}: Expected a comma list of brokers such as kafka-1:9092,kafka-2:9092`)
      }
    })
  )

  it.effect("take PostHog's spelling of mechanisms and protocols in any case", () =>
    Effect.gen(function* () {
      const found = yield* read(scram)
      assert.isObject(found)
      if (typeof found === "string") return
      assert.deepStrictEqual(found.sasl?.mechanism, "SCRAM-SHA-512")
      assert.strictEqual(Redacted.value(found.sasl!.password), "s3cret")
      assert.deepStrictEqual(found.tls, { trusted: undefined, client: undefined, verify: true })
      assert.notInclude(JSON.stringify(found), "s3cret")
    })
  )

  it.effect("take KAFKA_TLS=true for SSL, and nothing without TLS beside it", () =>
    Effect.gen(function* () {
      const tls = { trusted: undefined, client: undefined, verify: true }
      const asked = [{ KAFKA_TLS: "true" }, { KAFKA_TLS: "true", KAFKA_SECURITY_PROTOCOL: "ssl" }]
      for (const environment of asked) {
        assert.deepInclude(yield* read({ KAFKA_HOSTS, ...environment }), { tls, sasl: undefined })
      }
      assert.deepInclude(yield* read({ ...scram, KAFKA_TLS: "true" }), { tls })
      assert.deepInclude(yield* read({ KAFKA_HOSTS, KAFKA_TLS: "false" }), { tls: undefined })
      const plain = yield* read({ KAFKA_HOSTS, KAFKA_TLS: "true", KAFKA_SECURITY_PROTOCOL: "PLAINTEXT" })
      assert.strictEqual(plain, "KAFKA_TLS=true: Expected nothing: KAFKA_SECURITY_PROTOCOL=PLAINTEXT encrypts nothing")
      assert.match(String(yield* read({ KAFKA_HOSTS, KAFKA_TLS: "maybe" })), /^KAFKA_TLS=maybe: Expected/)
    })
  )

  it.effect("refuse to log in half, or where nobody is asked to", () =>
    Effect.gen(function* () {
      const { KAFKA_SASL_PASSWORD: _, ...noPassword } = scram
      assert.match(String(yield* read(noPassword)), /^KAFKA_SASL_PASSWORD is not set/)
      const line = String(yield* read({ ...scram, KAFKA_SECURITY_PROTOCOL: "PLAINTEXT" }))
      assert.match(line, /^KAFKA_SASL_\w+=.*nothing: KAFKA_SECURITY_PROTOCOL=PLAINTEXT logs nobody in/)
      assert.notInclude(line, "s3cret")
    })
  )

  it.effect("read secrets from files, without the line break at the end", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "tributary-test-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true }))
      )
      const path = join(folder, "password")
      writeFileSync(path, "s3cret\n")
      const { KAFKA_SASL_PASSWORD: _, ...rest } = scram
      const found = yield* read({ ...rest, KAFKA_SASL_PASSWORD_FILE: path })
      assert.isObject(found)
      if (typeof found !== "string") assert.strictEqual(Redacted.value(found.sasl!.password), "s3cret")
      assert.include(
        String(yield* read({ ...rest, KAFKA_SASL_PASSWORD_FILE: `${path}-not` })),
        "a file that can be read"
      )
    })
  )

  it.effect("tell a certificate from a key, whichever setting holds it", () =>
    Effect.gen(function* () {
      const swapped = yield* read({
        KAFKA_HOSTS,
        KAFKA_SECURITY_PROTOCOL: "SSL",
        KAFKA_CLIENT_CERT_B64: base64(key),
        KAFKA_CLIENT_CERT_KEY_B64: base64(certificate)
      })
      assert.isObject(swapped)
      if (typeof swapped === "string") return
      assert.strictEqual(swapped.tls?.client?.certificate, certificate)
      assert.strictEqual(Redacted.value(swapped.tls!.client!.key), key)
      const half = { KAFKA_HOSTS, KAFKA_SECURITY_PROTOCOL: "SSL", KAFKA_CLIENT_CERT_B64: base64(certificate) }
      assert.match(String(yield* read(half)), /^KAFKA_CLIENT_CERT_KEY_B64 is not set/)
      const bad = { KAFKA_HOSTS, KAFKA_SECURITY_PROTOCOL: "SSL", KAFKA_TRUSTED_CERT_B64: "bm9uZQ==" }
      assert.include(String(yield* read(bad)), "Expected a certificate or key, as PEM in base64")
    })
  )

  it.effect("give kafkajs the codec that it has, and refuse what loses messages with it", () =>
    Effect.gen(function* () {
      const found = yield* read({ KAFKA_HOSTS, KAFKA_CLIENT: "kafkajs" })
      assert.isObject(found)
      if (typeof found !== "string") assert.strictEqual(found.compression, "gzip")
      const idempotent = { KAFKA_HOSTS, KAFKA_CLIENT: "kafkajs", KAFKA_PRODUCER_IDEMPOTENT: "true" }
      assert.include(String(yield* read(idempotent)), "kafkajs loses messages with it")
      assert.deepInclude(yield* read({ KAFKA_HOSTS, KAFKA_PRODUCER_IDEMPOTENT: "true" }), { idempotent: true })
    })
  )

  it.effect("warn where brokers are not verified", () =>
    Effect.gen(function* () {
      const found = yield* read({ KAFKA_HOSTS, KAFKA_SECURITY_PROTOCOL: "SSL", KAFKA_TLS_VERIFY: "false" })
      assert.isObject(found)
      if (typeof found !== "string") assert.match(Settings.warnings(found).join(), /^KAFKA_TLS_VERIFY=false/)
    })
  )
})
