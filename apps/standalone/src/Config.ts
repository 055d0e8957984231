/** The settings of `npm start`, with the defaults of INTERFACE.md. Those of capture and worker stand in their apps. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const optional = <A>(config: Config.Config<A>): Config.Config<A | undefined> =>
  Config.option(config).pipe(Config.map(Option.getOrUndefined))

export const settings = Config.all({
  dataDir: Config.String("DATA_DIR").pipe(Config.withDefault(".tributary")),
  host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
  port: Config.Port("PORT").pipe(Config.withDefault(8000)),
  adminToken: optional(Config.Redacted("ADMIN_TOKEN")),
  projectToken: Config.String("PROJECT_TOKEN").pipe(Config.withDefault("phc_local")),
  databaseUrl: optional(Config.Redacted("DATABASE_URL")),
  personsDatabaseUrl: optional(Config.Redacted("PERSONS_DATABASE_URL")),
  postgresPort: Config.Port("POSTGRES_PORT").pipe(Config.withDefault(54_320)),
  poolSize: Config.Int("POSTGRES_POOL_SIZE").pipe(Config.withDefault(10)),
  clickhouseUrl: optional(Config.String("CLICKHOUSE_URL")),
  clickhousePort: Config.Port("CLICKHOUSE_HTTP_PORT").pipe(Config.withDefault(8123)),
  clickhouseDatabase: Config.String("CLICKHOUSE_DATABASE").pipe(Config.withDefault("tributary")),
  clickhouseUser: Config.String("CLICKHOUSE_USER").pipe(Config.withDefault("default")),
  clickhousePassword: optional(Config.Redacted("CLICKHOUSE_PASSWORD")),
  clickhouseIngest: Config.Literals(["sink", "kafka-engine"], "CLICKHOUSE_INGEST").pipe(
    Config.withDefault("sink" as const)
  ),
  clickhouseGroupPrefix: Config.String("CLICKHOUSE_KAFKA_GROUP_PREFIX").pipe(Config.withDefault("clickhouse-")),
  eventsTtlDays: optional(Config.Int("EVENTS_TTL_DAYS")),
  kafkaHosts: optional(Config.String("KAFKA_HOSTS")),
  partitions: Config.Int("KAFKA_TOPIC_PARTITIONS").pipe(Config.withDefault(4)),
  gatherMs: Config.Duration("CAPTURE_GATHER").pipe(
    Config.withDefault(Duration.zero),
    Config.map((gather) => Duration.toMillis(gather))
  ),
  geoipDatabase: optional(Config.String("GEOIP_DATABASE")),
  encryptionKeys: optional(Config.Redacted("ENCRYPTION_SALT_KEYS"))
})

export type Settings = Config.Success<typeof settings>
