/**
 * ClickHouse reads the log by itself: for each topic a Kafka table, a view that fills the table and one that keeps what did
 * not parse (guides clickhouse 6). Here is what has to be run to have them, or to be rid of them.
 *
 * A Kafka table reads as soon as one view is on it, and a message that no view wants is lost although it counts as read. So
 * the views come first, on an empty table of the same name, and the Kafka table takes its place when they stand; and the
 * Kafka table goes first. The groups' positions stay in Kafka, so a table that is dropped and made again, or a sink with the
 * same groups, goes on where it was.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import * as Redacted from "effect/Redacted"
import type { KafkaSettings } from "../kafka/Settings.ts"
import * as Cluster from "./Cluster.ts"
import * as Statement from "./Statement.ts"

/** How ClickHouse proves itself to the brokers. Certificates are settings of its server. */
export interface Security {
  readonly protocol: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL"
  /** With SASL: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`. */
  readonly mechanism?: string | undefined
  readonly username?: string | undefined
  readonly password?: Redacted.Redacted | undefined
}

/** ClickHouse proves itself as our own programs do. */
export const securityOf = ({ sasl, tls }: Pick<KafkaSettings, "sasl" | "tls">): Security => ({
  protocol:
    sasl === undefined ? (tls === undefined ? "PLAINTEXT" : "SSL") : tls === undefined ? "SASL_PLAINTEXT" : "SASL_SSL",
  mechanism: sasl?.mechanism,
  username: sasl?.user,
  password: sasl?.password
})

export interface Options {
  /** Brokers as ClickHouse sees them, a comma list. */
  readonly brokers: string
  /** Before every topic's name. */
  readonly topicPrefix: string
  /** Before the topic's name in the name of the consumer group. */
  readonly groupPrefix: string
  readonly security?: Security | undefined
}

/** A table or view that is there: rows of `system.tables`. */
export interface Found {
  readonly name: string
  readonly engine: string
  readonly comment: string
}

export interface Place {
  readonly database: string
  readonly cluster?: string | undefined
}

interface Reader {
  readonly name: string
  readonly definitions: ReadonlyArray<string>
  readonly create: string
  readonly views: ReadonlyArray<{ readonly name: string; readonly create: string }>
}

/** What a Kafka table has beside its columns; the views read them. */
const virtual = [
  "_topic LowCardinality(String)",
  "_key String",
  "_offset UInt64",
  "_partition UInt64",
  "_timestamp Nullable(DateTime)",
  "`_headers.name` Array(String)",
  "`_headers.value` Array(String)",
  "_raw_message String",
  "_error String"
]

const settings = ({ mechanism, password, protocol, username }: Security): string => {
  const all: ReadonlyArray<readonly [string, string | undefined]> = [
    ["kafka_security_protocol", protocol === "PLAINTEXT" ? undefined : protocol.toLowerCase()],
    ["kafka_sasl_mechanism", mechanism?.toUpperCase()],
    ["kafka_sasl_username", username],
    ["kafka_sasl_password", password && Redacted.value(password)]
  ]
  return all
    .flatMap(([name, value]) => (value === undefined ? [] : `, ${name} = '${Statement.escaped(value)}'`))
    .join("")
}

const file = new URL("./kafka.sql", import.meta.url)

/** The Kafka tables with their views, as these options want them. */
const readers = ({ cluster, database }: Place, options: Options): ReadonlyArray<Reader> => {
  const sql = readFileSync(file, "utf8")
    .replaceAll("tributary.", `${database}.`)
    .replaceAll("{{brokers}}", () => Statement.escaped(options.brokers))
    .replaceAll("{{topic_prefix}}", () => Statement.escaped(options.topicPrefix))
    .replaceAll("{{group_prefix}}", () => Statement.escaped(options.groupPrefix))
  const made: Array<Reader & { readonly views: Array<Reader["views"][number]> }> = []
  const security = settings(options.security ?? { protocol: "PLAINTEXT" })
  for (const statement of Statement.split(sql)) {
    const { kind, name, rest } = Statement.create(statement)
    const [create = ""] = cluster === undefined ? [statement] : Cluster.distribute({ cluster, database }, statement)
    if (kind === "TABLE") {
      const { definitions } = Statement.table(rest)
      made.push({ name, definitions, create: withFingerprint(create + security), views: [] })
    } else made.at(-1)?.views.push({ name, create })
  }
  return made
}

/** A table that was made by another statement is told by its comment: its settings hide the password. */
const withFingerprint = (statement: string): string =>
  `${statement}\nCOMMENT 'tributary ${createHash("sha256").update(statement).digest("hex").slice(0, 8)}'`

const fingerprintOf = (statement: string): string | undefined => /COMMENT '(.*)'$/.exec(statement)?.[1]

/** The statements, in order, after which these tables stand and read. None where they already do. */
export const make = (place: Place, options: Options, found: ReadonlyArray<Found>): ReadonlyArray<string> => {
  const on = Cluster.onCluster(place.cluster)
  const there = new Map(found.map((one) => [one.name, one]))
  return readers(place, options).flatMap(({ create, definitions, name, views }) => {
    const table = there.get(name)
    const viewsStand = views.every((view) => there.has(view.name))
    if (viewsStand && table?.engine === "Kafka" && table.comment === fingerprintOf(create)) return []
    const drop = `DROP TABLE IF EXISTS ${place.database}.${name}${on}`
    const first = table === undefined ? [] : [drop]
    if (viewsStand) return [...first, create]
    const columns = [...definitions, ...virtual].map((column) => `  ${column}`).join(",\n")
    const standIn = `CREATE TABLE IF NOT EXISTS ${place.database}.${name}${on} (\n${columns}\n) ENGINE = Null`
    return [...first, standIn, ...views.map((view) => view.create), drop, create]
  })
}

/** The statements after which nothing of them is there. None where nothing is. */
export const remove = (place: Place, found: ReadonlyArray<Found>): ReadonlyArray<string> => {
  const on = Cluster.onCluster(place.cluster)
  const ours = readers(place, { brokers: "", topicPrefix: "", groupPrefix: "" })
  const there = new Set(found.map(({ name }) => name))
  return ours.flatMap(({ name, views }) => [
    ...(there.has(name) ? [`DROP TABLE IF EXISTS ${place.database}.${name}${on}`] : []),
    ...views
      .filter((view) => there.has(view.name))
      .map((view) => `DROP VIEW IF EXISTS ${place.database}.${view.name}${on}`)
  ])
}
