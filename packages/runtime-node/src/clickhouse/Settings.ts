/** ClickHouse's settings (INTERFACE): where it is, as whom, and how rows get into it. */
import * as Config from "effect/Config"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { optional, parsed, whole } from "../config/Parsed.ts"
import type * as ClickHouseHttp from "./ClickHouseHttp.ts"
import { maxTtlDays } from "./Schema.ts"

interface Address {
  readonly url: string
  readonly username: string | undefined
  readonly password: string | undefined
}

/** User and password may be part of the address. */
const parseAddress = (text: string): Address | undefined => {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search !== "") return undefined
  const { password, username } = url
  try {
    return {
      url: url.origin,
      username: username === "" ? undefined : decodeURIComponent(username),
      password: password === "" ? undefined : decodeURIComponent(password)
    }
  } catch {
    return undefined
  }
}

/** `CLICKHOUSE_URL`, `CLICKHOUSE_USER` and `CLICKHOUSE_PASSWORD`; the two win over what the address says. */
export const connection: Config.Config<ClickHouseHttp.Options> = Config.all({
  address: parsed(
    "CLICKHOUSE_URL",
    parseAddress,
    "the address of ClickHouse's HTTP protocol, such as http://clickhouse:8123 or https://user:password@clickhouse:8443"
  ),
  username: optional(Config.NonEmptyString("CLICKHOUSE_USER")),
  password: optional(Config.Redacted("CLICKHOUSE_PASSWORD"))
}).pipe(
  Config.map(({ address, password, username }) => ({
    url: address.url,
    username: username ?? address.username ?? "default",
    password: password ?? Redacted.make(address.password ?? "")
  }))
)

const identifier = (name: string) =>
  parsed(
    name,
    (text) => (/^[A-Za-z_]\w{0,63}$/.test(text) ? text : undefined),
    "letters, digits and underscores, at most 64"
  )

/** The schema, apart from Kafka tables. */
export const schema = Config.all({
  database: identifier("CLICKHOUSE_DATABASE").pipe(Config.withDefault("tributary")),
  cluster: optional(Config.NonEmptyString("CLICKHOUSE_CLUSTER")),
  eventsTtlDays: optional(whole("EVENTS_TTL_DAYS", { min: 1, max: maxTtlDays }))
})

/** `CLICKHOUSE_INGEST`, with the default of the apps. */
export const ingest = Config.Literals(["sink", "kafka-engine"], "CLICKHOUSE_INGEST").pipe(
  Config.withDefault("kafka-engine" as const)
)

/** Brokers as ClickHouse sees them, `KAFKA_HOSTS` by default, and what its groups are called. */
export const kafka = Config.all({
  brokers: Config.option(Config.NonEmptyString("CLICKHOUSE_KAFKA_HOSTS")).pipe(
    Config.flatMap((hosts) =>
      Option.isSome(hosts) ? Config.succeed(hosts.value) : Config.NonEmptyString("KAFKA_HOSTS")
    )
  ),
  groupPrefix: Config.String("CLICKHOUSE_KAFKA_GROUP_PREFIX").pipe(Config.withDefault("clickhouse-"))
})
