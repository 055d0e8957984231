/**
 * The worker's settings: names and defaults of INTERFACE.md and spec worker 7, decoded into the settings of the pipeline.
 */
import * as Ingest from "@tributary/pipeline/ingest/Settings"
import { clickhouseDatabase, poolSize } from "@tributary/runtime-node/config/Common"
import { laneTopics, prefix } from "@tributary/runtime-node/config/LaneTopics"
import { health } from "@tributary/runtime-node/config/Listen"
import { bytes, groupName, httpUrl, optional, parsed, postgresUrl, whole } from "@tributary/runtime-node/config/Parsed"
import * as Fernet from "@tributary/runtime-node/functions/Fernet"
import * as Kafka from "@tributary/runtime-node/kafka/Settings"
import * as Address from "@tributary/runtime-node/outbound/Address"
import * as Config from "effect/Config"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

const list = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((piece) => piece.trim())
    .filter((piece) => piece !== "")

const text = (name: string, fallback = "") => Config.String(name).pipe(Config.withDefault(fallback))
const flag = (name: string, fallback = false) => Config.Boolean(name).pipe(Config.withDefault(fallback))
const count = (name: string, fallback: number) =>
  whole(name, { min: 0, max: 2 ** 31 - 1 }).pipe(Config.withDefault(fallback))

type Teams = Ingest.Settings["fold"]["flagCalledPersonlessTeams"]

const parseTeams = (value: string): Teams | undefined => {
  if (value.trim() === "*") return "all"
  const ids = list(value)
  return ids.every((id) => /^[1-9]\d{0,9}$/.test(id)) ? new Set(ids.map(Number)) : undefined
}

/** Behavioural limits (spec worker 7). */
export const behaviour: Config.Config<Ingest.Settings> = Config.all({
  denylist: text("EVENT_DENYLIST"),
  overflowEnabled: flag("INGESTION_OVERFLOW_ENABLED"),
  overflowPreserveLocality: flag("INGESTION_OVERFLOW_PRESERVE_PARTITION_LOCALITY"),
  schemaEnforcement: flag("EVENT_SCHEMA_ENFORCEMENT_ENABLED", true),
  cookielessDisabled: flag("COOKIELESS_DISABLED"),
  skipIngestedFlag: flag("SKIP_UPDATE_EVENT_AND_PROPERTIES_STEP"),
  propertiesLimitBytes: count("PERSON_PROPERTIES_DB_CONSTRAINT_LIMIT_BYTES", Ingest.defaults.fold.propertiesLimitBytes),
  trimTargetBytes: count("PERSON_PROPERTIES_TRIM_TARGET_BYTES", Ingest.defaults.fold.trimTargetBytes),
  updateAll: flag("PERSON_PROPERTIES_UPDATE_ALL"),
  mergeMoveLimit: count("PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT", 0),
  personlessUpgrade: flag("PERSONLESS_UPGRADE"),
  flagCalledTeams: parsed("FLAG_CALLED_PERSONLESS_DEFAULT_TEAMS", parseTeams, "* for all, or a comma list of ids").pipe(
    Config.withDefault<Teams>(new Set())
  )
}).pipe(
  Config.map((read) => ({
    eventDenylist: new Set(list(read.denylist)),
    overflowEnabled: read.overflowEnabled,
    overflowPreserveLocality: read.overflowPreserveLocality,
    schemaEnforcement: read.schemaEnforcement,
    cookielessDisabled: read.cookielessDisabled,
    skipIngestedFlag: read.skipIngestedFlag,
    fold: {
      propertiesLimitBytes: read.propertiesLimitBytes,
      trimTargetBytes: read.trimTargetBytes,
      updateAll: read.updateAll,
      mergeMoveLimit: read.mergeMoveLimit,
      personlessUpgrade: read.personlessUpgrade,
      flagCalledPersonlessTeams: read.flagCalledTeams
    }
  }))
)

/** Static restrictions (spec worker 1.3). */
export const restrictions = Config.all({
  drop_event: text("DROP_EVENTS_BY_TOKEN_DISTINCT_ID"),
  skip_person_processing: text("SKIP_PERSONS_PROCESSING_BY_TOKEN_DISTINCT_ID"),
  force_overflow: text("INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID")
})

/** What is consumed, and in which portions. */
export const consumption = Config.all({
  group: groupName("INGESTION_CONSUMER_GROUP_ID").pipe(Config.withDefault("events-ingestion-consumer")),
  lane: optional(Config.Literals(["main", "overflow", "historical"], "INGESTION_LANE")),
  maxMessages: whole("CONSUMER_BATCH_SIZE", { min: 1, max: 10_000 }).pipe(Config.withDefault(500)),
  maxBytes: bytes("CONSUMER_BATCH_BYTES", { min: 1, max: 1e9 }).pipe(Config.withDefault(16_000_000))
})

/** ClickHouse and its tables, wherever it runs. */
export const clickhouse = {
  clickhouseDatabase,
  clickhouseUser: text("CLICKHOUSE_USER", "default"),
  clickhousePassword: Config.Redacted("CLICKHOUSE_PASSWORD").pipe(Config.withDefault(Redacted.make(""))),
  clickhouseGroupPrefix: groupName("CLICKHOUSE_KAFKA_GROUP_PREFIX").pipe(Config.withDefault("clickhouse-")),
  eventsTtlDays: optional(whole("EVENTS_TTL_DAYS", { min: 1, max: 17_000 }))
}

export const clickhouseIngest = (fallback: "sink" | "kafka-engine") =>
  Config.Literals(["sink", "kafka-engine"], "CLICKHOUSE_INGEST").pipe(Config.withDefault(fallback))

/** What configured functions need. */
export const functions = {
  geoipDatabase: optional(Config.String("GEOIP_DATABASE")),
  allowPrivate: parsed(
    "ALLOW_PRIVATE_DESTINATIONS",
    (value) => Result.getOrUndefined(Address.parseRanges(value)),
    "a comma list of addresses and ranges"
  ).pipe(Config.withDefault<Address.Ranges>(() => false))
}

/** The worker as a program of its own. */
export const settings = Config.all({
  ...clickhouse,
  ...functions,
  health: health({ host: "0.0.0.0" }),
  behaviour,
  restrictions,
  consumption,
  lanes: laneTopics,
  topicPrefix: prefix,
  kafka: Kafka.settings,
  databaseUrl: postgresUrl("DATABASE_URL"),
  personsDatabaseUrl: optional(postgresUrl("PERSONS_DATABASE_URL")),
  poolSize: poolSize(),
  clickhouseUrl: httpUrl("CLICKHOUSE_URL", "http://host:8123"),
  clickhouseCluster: optional(Config.NonEmptyString("CLICKHOUSE_CLUSTER")),
  clickhouseIngest: clickhouseIngest("kafka-engine"),
  clickhouseKafkaHosts: optional(Kafka.brokers("CLICKHOUSE_KAFKA_HOSTS")),
  encryptionKeys: optional(
    parsed(
      "ENCRYPTION_SALT_KEYS",
      (value) => Result.getOrUndefined(Fernet.parseKeys(Redacted.make(value))),
      "a comma list of keys of 32 bytes each"
    )
  ),
  siteUrl: httpUrl("SITE_URL", "https://events.example.com").pipe(Config.withDefault("http://localhost:8000"))
})

export type Settings = Config.Success<typeof settings>
