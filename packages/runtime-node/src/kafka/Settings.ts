/** Kafka's settings (INTERFACE): the brokers, how to be let in, and how messages are sent and topics made. */
import { readFileSync } from "node:fs"
import * as Config from "effect/Config"
import * as Redacted from "effect/Redacted"
import { optional, parsed, whole } from "../config/Parsed.ts"

export interface Tls {
  /** PEM of who may have signed the brokers' certificates; undefined: those that Node trusts. */
  readonly trusted: string | undefined
  /** For brokers that want to know their clients. */
  readonly client: { readonly certificate: string; readonly key: Redacted.Redacted } | undefined
  readonly verify: boolean
}

export interface Sasl {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512"
  readonly user: string
  readonly password: Redacted.Redacted
}

export type Compression = (typeof compressions)[number]

export interface KafkaSettings {
  /** `host:port`, at least one. */
  readonly hosts: ReadonlyArray<string>
  readonly client: "platformatic" | "kafkajs"
  readonly clientId: string
  readonly rack: string | undefined
  readonly tls: Tls | undefined
  readonly sasl: Sasl | undefined
  readonly idempotent: boolean
  readonly compression: Compression
  /** Partitions of topics that are made; undefined: topics are looked for, not made. */
  readonly partitions: number | undefined
  /** Copies of topics that are made; undefined: as the brokers do it. */
  readonly replication: number | undefined
}

const hostOf = (text: string): string | undefined => {
  const [, host, port] = /^(\[[\da-fA-F:.]+\]|[^\s:,[\]]+):(\d{1,5})$/.exec(text) ?? []
  return host !== undefined && Number(port) > 0 && Number(port) < 65_536 ? text : undefined
}

/** Brokers: `host:port`, at least one. */
export const brokers = (name: string): Config.Config<ReadonlyArray<string>> =>
  parsed(
    name,
    (text) => {
      const all = text.split(",").map((host) => hostOf(host.trim()))
      return all.every((host) => host !== undefined) ? all : undefined
    },
    "a comma list of brokers such as kafka-1:9092,kafka-2:9092"
  )

/** One of some words, in any case. */
const oneOf = <const Word extends string>(name: string, words: ReadonlyArray<Word>): Config.Config<Word> =>
  parsed(name, (text) => words.find((word) => word.toLowerCase() === text.toLowerCase()), words.join(", "))

const contentOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

/** A secret, or `…_FILE` with the path of a file that holds it; the line break at its end is not part of it. */
const secret = (name: string): Config.Config<Redacted.Redacted | undefined> =>
  Config.flatMap(optional(Config.Redacted(name)), (given) =>
    given === undefined
      ? Config.map(optional(parsed(`${name}_FILE`, contentOf, "the path of a file that can be read")), (text) =>
          text === undefined ? undefined : Redacted.make(text.replace(/\r?\n$/, ""))
        )
      : Config.succeed(given)
  )

/** Certificates and keys, as PEM in base64, or `…_FILE` with the path of either. */
const pem = (name: string): Config.Config<string | undefined> => {
  const read = (text: string): string | undefined =>
    [text, Buffer.from(text, "base64").toString()].find((part) => part.includes("-----BEGIN "))
  return Config.flatMap(optional(parsed(name, read, "a certificate or key, as PEM in base64")), (given) =>
    given === undefined
      ? optional(
          parsed(
            `${name}_FILE`,
            (path) => {
              const content = contentOf(path)
              return content === undefined ? undefined : read(content)
            },
            "the path of a PEM file that can be read"
          )
        )
      : Config.succeed(given)
  )
}

/** A setting that must not be there, because of what another one says. */
const refused = (name: string, why: string): Config.Config<undefined> =>
  Config.map(optional(parsed<undefined>(name, () => undefined, `nothing: ${why}`)), () => undefined)

/** `value`, or what the setting itself says: that it is missing. */
const required = <A>(value: A | undefined, setting: Config.Config<A>): Config.Config<A> =>
  value === undefined ? setting : Config.succeed(value)

const sasl: Config.Config<Sasl> = Config.all({
  mechanism: oneOf("KAFKA_SASL_MECHANISM", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
  user: Config.NonEmptyString("KAFKA_SASL_USER"),
  password: Config.flatMap(secret("KAFKA_SASL_PASSWORD"), (password) =>
    required(password, Config.Redacted("KAFKA_SASL_PASSWORD"))
  )
})

const noSasl = (protocol: string) =>
  Config.map(
    Config.all(
      ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_USER", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_PASSWORD_FILE"].map((name) =>
        refused(name, `KAFKA_SECURITY_PROTOCOL=${protocol} logs nobody in`)
      )
    ),
    () => undefined
  )

/** Certificates: those of a client of the brokers, whoever it is. */
export const tls: Config.Config<Tls> = Config.all({
  trusted: pem("KAFKA_TRUSTED_CERT_B64"),
  certificate: pem("KAFKA_CLIENT_CERT_B64"),
  key: pem("KAFKA_CLIENT_CERT_KEY_B64"),
  verify: Config.Boolean("KAFKA_TLS_VERIFY").pipe(Config.withDefault(true))
}).pipe(
  Config.flatMap(({ certificate, key, trusted, verify }): Config.Config<Tls> => {
    if (certificate === undefined && key === undefined) return Config.succeed({ trusted, verify, client: undefined })
    return Config.map(
      Config.all([
        required(certificate, Config.String("KAFKA_CLIENT_CERT_B64")),
        required(key, Config.String("KAFKA_CLIENT_CERT_KEY_B64"))
      ]),
      ([one, other]) => ({ trusted, verify, client: clientOf(one, other) })
    )
  })
)

/** By what they are: PostHog's producer took the two the other way round, so they may have been set so. */
const clientOf = (one: string, other: string) =>
  one.includes("PRIVATE KEY") && !other.includes("PRIVATE KEY")
    ? { certificate: other, key: Redacted.make(one) }
    : { certificate: one, key: Redacted.make(other) }

/** How brokers are spoken to. `KAFKA_TLS=true` is PostHog's older word for `SSL`: where it is set, nothing goes in plain text. */
const protocol = Config.all({
  wantsTls: Config.Boolean("KAFKA_TLS").pipe(Config.withDefault(false)),
  named: optional(oneOf("KAFKA_SECURITY_PROTOCOL", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]))
}).pipe(
  Config.flatMap(({ named, wantsTls }) => {
    const chosen = named ?? (wantsTls ? "SSL" : "PLAINTEXT")
    return wantsTls && !chosen.endsWith("SSL")
      ? Config.map(refused("KAFKA_TLS", `KAFKA_SECURITY_PROTOCOL=${chosen} encrypts nothing`), () => chosen)
      : Config.succeed(chosen)
  })
)

const security = protocol.pipe(
  Config.flatMap((protocol) =>
    Config.all({
      tls: protocol.endsWith("SSL") ? tls : Config.succeed(undefined),
      sasl: protocol.startsWith("SASL") ? sasl : noSasl(protocol)
    })
  )
)

export const compressions = ["none", "gzip", "snappy", "lz4", "zstd"] as const

export const settings: Config.Config<KafkaSettings> = Config.all({
  hosts: brokers("KAFKA_HOSTS"),
  client: oneOf("KAFKA_CLIENT", ["platformatic", "kafkajs"]).pipe(Config.withDefault("platformatic" as const)),
  clientId: Config.NonEmptyString("KAFKA_CLIENT_ID").pipe(Config.withDefault("tributary")),
  rack: optional(Config.NonEmptyString("KAFKA_CLIENT_RACK")),
  security,
  idempotent: Config.Boolean("KAFKA_PRODUCER_IDEMPOTENT").pipe(Config.withDefault(false)),
  compression: optional(oneOf("KAFKA_COMPRESSION", compressions)),
  partitions: optional(whole("KAFKA_TOPIC_PARTITIONS", { min: 1, max: 1000 })),
  replication: optional(whole("KAFKA_TOPIC_REPLICATION", { min: 1, max: 100 }))
}).pipe(
  Config.flatMap(({ client, compression, idempotent, security: { sasl, tls }, ...rest }) => {
    const all = {
      ...rest,
      client,
      sasl,
      tls,
      idempotent,
      // kafkajs brings gzip alone.
      compression: compression ?? (client === "kafkajs" ? "gzip" : "zstd")
    }
    // With sequence numbers kafkajs takes another batch for a repeated one, and acknowledges what is not stored.
    return client === "kafkajs" && idempotent
      ? Config.map(refused("KAFKA_PRODUCER_IDEMPOTENT", "kafkajs loses messages with it"), () => all)
      : Config.succeed(all)
  })
)

/** What an operator should hear at each start. */
export const warnings = ({ tls }: KafkaSettings): ReadonlyArray<string> =>
  tls?.verify === false ? ["KAFKA_TLS_VERIFY=false: whoever answers at KAFKA_HOSTS is taken for a broker"] : []
