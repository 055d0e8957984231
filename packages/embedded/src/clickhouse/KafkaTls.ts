/**
 * Certificates with which the engine reads Kafka over TLS. They are settings of the whole engine, as files, unlike protocol
 * and password, which are settings of each Kafka table (guides kafka-operations 5).
 */
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import * as Redacted from "effect/Redacted"

export interface KafkaTls {
  /** PEM of the authorities that are trusted instead of the system's. */
  readonly trusted?: string | undefined
  /** PEM of the certificate that the brokers see. */
  readonly certificate?: string | undefined
  readonly key?: Redacted.Redacted | undefined
  /** False: any certificate of the brokers will do. */
  readonly verify: boolean
}

/** Writes the files into the engine's folder; answers the engine's arguments. */
export const write = (folder: string, { certificate, key, trusted, verify }: KafkaTls): ReadonlyArray<string> => {
  const files: ReadonlyArray<readonly [string, string | undefined]> = [
    ["ssl_ca_location", trusted],
    ["ssl_certificate_location", certificate],
    ["ssl_key_location", key && Redacted.value(key)]
  ]
  const located = files.flatMap(([setting, pem]) => {
    if (pem === undefined) return []
    const file = join(resolve(folder), `kafka-${setting}.pem`)
    writeFileSync(file, pem, { mode: 0o600 })
    return [`--kafka.${setting}=${file}`]
  })
  return verify ? located : [...located, "--kafka.enable_ssl_certificate_verification=false"]
}
