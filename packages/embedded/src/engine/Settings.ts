/** Settings of the `engine` program: those of the embedded engine, and where and for whom it is written. */
import { optional, parsed, whole } from "@tributary/runtime-node/config/Parsed"
import * as Config from "effect/Config"
import * as Redacted from "effect/Redacted"
import type { KafkaTls } from "../clickhouse/KafkaTls.ts"

/** PEM in base64, as the apps take it too. */
const pem = (name: string) =>
  optional(
    parsed(
      name,
      (text) => {
        const decoded = Buffer.from(text, "base64").toString()
        return decoded.includes("-----BEGIN ") ? decoded : undefined
      },
      "a certificate or key, as PEM in base64"
    )
  )

export const settings = Config.all({
  /** The engine's data is in its folder `clickhouse`. */
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".tributary")),
  /** Of both: 0 = any that is free. */
  port: whole("CLICKHOUSE_HTTP_PORT", { min: 0, max: 65_535 }).pipe(Config.withDefault(8123)),
  writePort: whole("CLICKHOUSE_WRITE_PORT", { min: 0, max: 65_535 }).pipe(Config.withDefault(0)),
  /** The secret of those who write; readers need none. */
  password: Config.Redacted("CLICKHOUSE_PASSWORD"),
  database: parsed(
    "CLICKHOUSE_DATABASE",
    (text) => (/^[A-Za-z_]\w{0,63}$/.test(text) ? text : undefined),
    "letters, digits and underscores, at most 64"
  ).pipe(Config.withDefault("tributary")),
  /** For Kafka tables that read over TLS. */
  kafkaTls: Config.all({
    trusted: pem("KAFKA_TRUSTED_CERT_B64"),
    certificate: pem("KAFKA_CLIENT_CERT_B64"),
    key: pem("KAFKA_CLIENT_CERT_KEY_B64"),
    verify: Config.Boolean("KAFKA_TLS_VERIFY").pipe(Config.withDefault(true))
  }).pipe(
    Config.map(({ certificate, key, trusted, verify }): KafkaTls => {
      const both = certificate !== undefined && key !== undefined
      return { trusted, verify, client: both ? { certificate, key: Redacted.make(key) } : undefined }
    })
  )
})

export type Settings = Config.Success<typeof settings>
