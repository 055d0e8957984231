/**
 * Certificates with which the engine reads Kafka over TLS. They are settings of the whole engine, as files, unlike protocol
 * and password, which are settings of each Kafka table (guides kafka-operations 5).
 */
import { writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Tls } from "@tributary/runtime-node/kafka/Settings"
import * as Redacted from "effect/Redacted"

/** Writes the files into the engine's folder; answers the engine's arguments. */
export const write = (folder: string, { client, trusted, verify }: Tls): ReadonlyArray<string> => {
  const files: ReadonlyArray<readonly [string, string | undefined]> = [
    ["ssl_ca_location", trusted],
    ["ssl_certificate_location", client?.certificate],
    ["ssl_key_location", client && Redacted.value(client.key)]
  ]
  const located = files.flatMap(([setting, pem]) => {
    if (pem === undefined) return []
    const file = join(resolve(folder), `kafka-${setting}.pem`)
    writeFileSync(file, pem, { mode: 0o600 })
    return [`--kafka.${setting}=${file}`]
  })
  return verify ? located : [...located, "--kafka.enable_ssl_certificate_verification=false"]
}
