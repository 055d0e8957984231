import { assert, describe, it } from "@effect/vitest"
import * as Settings from "@tributary/pipeline/ingest/Settings"
import { explain } from "@tributary/runtime-node/config/Explain"
import * as Fernet from "@tributary/runtime-node/functions/Fernet"
import { ConfigProvider, Effect, Redacted, Result } from "effect"
import { settings } from "../src/Config.ts"

const needed = {
  KAFKA_HOSTS: "kafka:9092",
  DATABASE_URL: "postgres://me:hidden@db/x",
  CLICKHOUSE_URL: "http://clickhouse:8123"
}

const read = (environment: Record<string, string>) =>
  settings.parse(ConfigProvider.fromEnvRecord({ ...needed, ...environment }))

/** The line with which a start ends. */
const refusal = (environment: Record<string, string>) =>
  Effect.map(Effect.flip(read(environment)), (error) => explain(error, { ...needed, ...environment }))

const salts = "0123456789abcdef0123456789abcdef"

/** Each setting, and none with its default. */
const everything = {
  HOST: "127.0.0.1",
  HEALTH_PORT: "9001",
  KAFKA_HOSTS: "kafka-1:9092,kafka-2:9093",
  KAFKA_CLIENT: "kafkajs",
  KAFKA_CLIENT_ID: "mine",
  KAFKA_CLIENT_RACK: "a",
  KAFKA_TLS: "true",
  KAFKA_TLS_VERIFY: "false",
  KAFKA_SECURITY_PROTOCOL: "SASL_SSL",
  KAFKA_SASL_MECHANISM: "plain",
  KAFKA_SASL_USER: "me",
  KAFKA_SASL_PASSWORD: "hidden",
  KAFKA_COMPRESSION: "none",
  KAFKA_TOPIC_PARTITIONS: "6",
  KAFKA_TOPIC_REPLICATION: "3",
  KAFKA_PREFIX: "eu_",
  CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC: "in",
  INGESTION_CONSUMER_OVERFLOW_TOPIC: "over",
  CAPTURE_OUTPUT_ANALYTICS_HISTORICAL_TOPIC: "old",
  INGESTION_CONSUMER_GROUP_ID: "readers",
  INGESTION_LANE: "overflow",
  CONSUMER_BATCH_SIZE: "7",
  CONSUMER_BATCH_BYTES: "2 MB",
  DATABASE_URL: "postgres://me:hidden@db/x",
  PERSONS_DATABASE_URL: "postgres://me:hidden@people/x",
  POSTGRES_POOL_SIZE: "4",
  CLICKHOUSE_URL: "https://clickhouse:8443",
  CLICKHOUSE_DATABASE: "events",
  CLICKHOUSE_USER: "worker",
  CLICKHOUSE_PASSWORD: "hidden",
  CLICKHOUSE_CLUSTER: "main",
  CLICKHOUSE_INGEST: "sink",
  CLICKHOUSE_KAFKA_HOSTS: "inside:9092, inside-2:9092",
  CLICKHOUSE_KAFKA_GROUP_PREFIX: "ch:",
  EVENTS_TTL_DAYS: "365",
  GEOIP_DATABASE: "/places.mmdb",
  ALLOW_PRIVATE_DESTINATIONS: "10.0.0.5, 192.168.0.0/16",
  ENCRYPTION_SALT_KEYS: salts,
  SITE_URL: "https://events.example.com",
  EVENT_DENYLIST: "$exception, secret",
  INGESTION_OVERFLOW_ENABLED: "true",
  INGESTION_OVERFLOW_PRESERVE_PARTITION_LOCALITY: "true",
  EVENT_SCHEMA_ENFORCEMENT_ENABLED: "false",
  COOKIELESS_DISABLED: "true",
  SKIP_UPDATE_EVENT_AND_PROPERTIES_STEP: "true",
  PERSON_PROPERTIES_DB_CONSTRAINT_LIMIT_BYTES: "1000",
  PERSON_PROPERTIES_TRIM_TARGET_BYTES: "900",
  PERSON_PROPERTIES_UPDATE_ALL: "true",
  PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT: "5",
  PERSONLESS_UPGRADE: "true",
  FLAG_CALLED_PERSONLESS_DEFAULT_TEAMS: "1, 22",
  DROP_EVENTS_BY_TOKEN_DISTINCT_ID: "phc_a:b",
  SKIP_PERSONS_PROCESSING_BY_TOKEN_DISTINCT_ID: "phc_c",
  INGESTION_FORCE_OVERFLOW_BY_TOKEN_DISTINCT_ID: "phc_d:e"
}

/** Other names of those above, and what the tests of Kafka's settings hold: what kafkajs refuses, and certificates. */
const besides = new Set([
  "ADDRESS",
  "HTTP_SERVER_PORT",
  "INGESTION_CONSUMER_CONSUME_TOPIC",
  "CAPTURE_OUTPUT_ANALYTICS_OVERFLOW_TOPIC",
  "KAFKA_PRODUCER_IDEMPOTENT",
  ...["KAFKA_TRUSTED_CERT_B64", "KAFKA_CLIENT_CERT_B64", "KAFKA_CLIENT_CERT_KEY_B64"].flatMap((n) => [n, `${n}_FILE`])
])

describe("the worker's settings", () => {
  it.effect("have their defaults but for the three engines", () =>
    Effect.gen(function* () {
      const { allowPrivate, clickhousePassword, databaseUrl, kafka, ...found } = yield* read({})
      assert.isFalse(allowPrivate("10.0.0.5"))
      assert.strictEqual(Redacted.value(clickhousePassword), "")
      assert.strictEqual(Redacted.value(databaseUrl), needed.DATABASE_URL)
      assert.deepStrictEqual(kafka.hosts, [needed.KAFKA_HOSTS])
      assert.deepStrictEqual(found, {
        health: { host: "0.0.0.0", port: 8001 },
        behaviour: Settings.defaults,
        restrictions: { drop_event: "", skip_person_processing: "", force_overflow: "" },
        consumption: { group: "events-ingestion-consumer", lane: undefined, maxMessages: 500, maxBytes: 16_000_000 },
        lanes: {
          main: "events_plugin_ingestion",
          overflow: "events_plugin_ingestion_overflow",
          historical: "events_plugin_ingestion_historical"
        },
        topicPrefix: "",
        personsDatabaseUrl: undefined,
        poolSize: 10,
        clickhouseUrl: needed.CLICKHOUSE_URL,
        clickhouseDatabase: "tributary",
        clickhouseUser: "default",
        clickhouseCluster: undefined,
        clickhouseIngest: "kafka-engine",
        clickhouseKafkaHosts: undefined,
        clickhouseGroupPrefix: "clickhouse-",
        eventsTtlDays: undefined,
        geoipDatabase: undefined,
        encryptionKeys: undefined,
        siteUrl: "http://localhost:8000"
      })
    })
  )

  it.effect("each of them is read, and shows no secret", () =>
    Effect.gen(function* () {
      const { allowPrivate, encryptionKeys, kafka, ...found } = yield* read(everything)
      assert.isTrue(allowPrivate("10.0.0.5"))
      assert.isTrue(allowPrivate("192.168.7.7"))
      assert.isFalse(allowPrivate("10.0.0.6"))
      assert.deepStrictEqual(encryptionKeys, Result.getOrThrow(Fernet.parseKeys(Redacted.make(salts))))
      const { sasl, ...broker } = kafka
      assert.deepStrictEqual([sasl?.mechanism, sasl?.user, Redacted.value(sasl!.password)], ["PLAIN", "me", "hidden"])
      assert.deepStrictEqual(broker, {
        hosts: ["kafka-1:9092", "kafka-2:9093"],
        client: "kafkajs",
        clientId: "mine",
        rack: "a",
        tls: { trusted: undefined, client: undefined, verify: false },
        idempotent: false,
        compression: "none",
        partitions: 6,
        replication: 3
      })
      const { clickhousePassword, databaseUrl, personsDatabaseUrl, ...rest } = found
      assert.deepStrictEqual([clickhousePassword, databaseUrl, personsDatabaseUrl!].map(Redacted.value), [
        everything.CLICKHOUSE_PASSWORD,
        everything.DATABASE_URL,
        everything.PERSONS_DATABASE_URL
      ])
      assert.deepStrictEqual(rest, {
        health: { host: "127.0.0.1", port: 9001 },
        behaviour: {
          eventDenylist: new Set(["$exception", "secret"]),
          overflowEnabled: true,
          overflowPreserveLocality: true,
          schemaEnforcement: false,
          cookielessDisabled: true,
          skipIngestedFlag: true,
          fold: {
            propertiesLimitBytes: 1000,
            trimTargetBytes: 900,
            updateAll: true,
            mergeMoveLimit: 5,
            personlessUpgrade: true,
            flagCalledPersonlessTeams: new Set([1, 22])
          }
        },
        restrictions: { drop_event: "phc_a:b", skip_person_processing: "phc_c", force_overflow: "phc_d:e" },
        consumption: { group: "readers", lane: "overflow", maxMessages: 7, maxBytes: 2_000_000 },
        lanes: { main: "eu_in", overflow: "eu_over", historical: "eu_old" },
        topicPrefix: "eu_",
        poolSize: 4,
        clickhouseUrl: "https://clickhouse:8443",
        clickhouseDatabase: "events",
        clickhouseUser: "worker",
        clickhouseCluster: "main",
        clickhouseIngest: "sink",
        clickhouseKafkaHosts: ["inside:9092", "inside-2:9092"],
        clickhouseGroupPrefix: "ch:",
        eventsTtlDays: 365,
        geoipDatabase: "/places.mmdb",
        siteUrl: "https://events.example.com"
      })
      assert.notInclude(JSON.stringify(found), "hidden")
    })
  )

  it.effect("there are no others", () =>
    Effect.gen(function* () {
      const asked = new Set<string>()
      const given = ConfigProvider.fromEnvRecord(everything)
      yield* settings.parse(
        ConfigProvider.make((path) => {
          asked.add(path.join("_"))
          return given.load(path)
        })
      )
      assert.deepStrictEqual(
        [...asked].filter((name) => !(name in everything) && !besides.has(name)),
        []
      )
      assert.deepStrictEqual(
        Object.keys(everything).filter((name) => !asked.has(name)),
        []
      )
    })
  )

  it.effect("FLAG_CALLED_PERSONLESS_DEFAULT_TEAMS=* means every project", () =>
    Effect.gen(function* () {
      const { behaviour } = yield* read({ FLAG_CALLED_PERSONLESS_DEFAULT_TEAMS: "*" })
      assert.strictEqual(behaviour.fold.flagCalledPersonlessTeams, "all")
    })
  )

  for (const [name, value, part] of [
    ["CLICKHOUSE_KAFKA_HOSTS", "no port, here", "kafka-1:9092"],
    ["INGESTION_CONSUMER_GROUP_ID", " ", "without blanks"],
    ["CLICKHOUSE_KAFKA_GROUP_PREFIX", "a b", "without blanks"],
    ["FLAG_CALLED_PERSONLESS_DEFAULT_TEAMS", "all,x", "a comma list of ids"],
    ["SITE_URL", "nonsense", "https://"],
    ["POSTGRES_POOL_SIZE", "3", "from 4 to 1000"],
    ["CLICKHOUSE_DATABASE", "my-events", "letters, digits and underscores"],
    ["CLICKHOUSE_INGEST", "both", "kafka-engine"],
    ["CONSUMER_BATCH_SIZE", "0", "from 1 to"],
    ["CONSUMER_BATCH_BYTES", "much", "20 MB"],
    ["INGESTION_LANE", "fast", "historical"],
    ["INGESTION_OVERFLOW_ENABLED", "maybe", ""],
    ["EVENTS_TTL_DAYS", "0", "from 1 to"],
    ["ALLOW_PRIVATE_DESTINATIONS", "intranet", "addresses and ranges"],
    ["PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT", "many", "a whole number"]
  ] as const) {
    it.effect(`${name}=${value} is refused with a line that says what it may be`, () =>
      Effect.gen(function* () {
        const line = yield* refusal({ [name]: value })
        assert.match(line, new RegExp(`^${name}=${value}: .*[Ee]xpected`))
        assert.include(line, part)
        assert.notInclude(line, "\n")
      })
    )
  }

  for (const name of Object.keys(needed)) {
    it.effect(`${name} must be set, and is not when it is empty`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* refusal({ [name]: "" }), `${name} is not set`)
      })
    )
  }
})
