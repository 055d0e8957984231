/** The settings of `npm run stack` itself; everything else in the environment is handed on to capture and workers. */
import * as WorkerConfig from "@tributary/app-worker/Config"
import { optional, whole } from "@tributary/runtime-node/config/Parsed"
import * as Config from "effect/Config"

const port = (name: string, fallback: number) => whole(name, { min: 1, max: 65_535 }).pipe(Config.withDefault(fallback))

export const settings = Config.all({
  dataDir: Config.NonEmptyString("DATA_DIR").pipe(Config.withDefault(".tributary")),
  host: Config.NonEmptyString("HOST").pipe(Config.withDefault("127.0.0.1")),
  projectToken: Config.NonEmptyString("PROJECT_TOKEN").pipe(Config.withDefault("phc_local")),
  port: port("PORT", 8000),
  postgresPort: port("POSTGRES_PORT", 54_320),
  clickhousePort: port("CLICKHOUSE_HTTP_PORT", 8123),
  kafkaPort: port("KAFKA_PORT", 9092),
  /** Of capture; worker n has the n-th after it. */
  healthPort: port("HEALTH_PORT", 8001),
  database: WorkerConfig.clickhouse.clickhouseDatabase,
  partitions: whole("KAFKA_TOPIC_PARTITIONS", { min: 1, max: 1000 }).pipe(Config.withDefault(4)),
  encryptionKeys: optional(Config.Redacted("ENCRYPTION_SALT_KEYS"))
})

export type Settings = Config.Success<typeof settings> & { readonly workers: number }
