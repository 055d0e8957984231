/** The settings of `npm start`, with the defaults of INTERFACE.md. Those of capture and worker stand in their apps. */
import * as CaptureConfig from "@tributary/app-capture/Config"
import * as WorkerConfig from "@tributary/app-worker/Config"
import {
  clickhousePort,
  dataDir,
  partitions,
  poolSize,
  postgresPort,
  projectToken
} from "@tributary/runtime-node/config/Common"
import { laneTopics, prefix } from "@tributary/runtime-node/config/LaneTopics"
import {
  duration,
  httpUrl,
  optional,
  parseBytes,
  parseDuration,
  parsed,
  postgresUrl
} from "@tributary/runtime-node/config/Parsed"
import * as Kafka from "@tributary/runtime-node/kafka/Settings"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"

const withDefault = <A>(fallback: A) => Config.withDefault<A>(fallback)

const host = "127.0.0.1"

interface Retention {
  readonly age?: Duration.Duration
  readonly bytes?: number
}

/** An age, a size, or both: `24 hours`, `2 GB`, `24 hours, 2 GB`. */
const parseRetention = (text: string): Retention | undefined => {
  let read: Retention = {}
  for (const part of text.split(",").map((piece) => piece.trim())) {
    const bytes = parseBytes(part)
    const age = parseDuration(part)
    if (bytes !== undefined) read = { ...read, bytes }
    else if (age !== undefined) read = { ...read, age }
    else return undefined
  }
  return read
}

/** Of one process' connections the embedded log gets three: one appends, two serve its readers. */
export const logConnections = 3

/** Brokers in place of the embedded log, once `KAFKA_HOSTS` names them. Topics that are missing are made. */
const kafka: Config.Config<Kafka.KafkaSettings | undefined> = Config.flatMap(
  optional(Config.String("KAFKA_HOSTS")),
  (hosts): Config.Config<Kafka.KafkaSettings | undefined> =>
    hosts === undefined
      ? Config.succeed(undefined)
      : Config.map(Config.all({ kafka: Kafka.settings, partitions }), (read) => ({
          ...read.kafka,
          partitions: read.partitions
        }))
)

export const settings = Config.all({
  ...WorkerConfig.clickhouse,
  ...WorkerConfig.functions,
  server: CaptureConfig.server({ host }),
  capture: CaptureConfig.capture,
  behaviour: WorkerConfig.behaviour,
  restrictions: WorkerConfig.restrictions,
  consumption: WorkerConfig.consumption,
  lanes: laneTopics,
  topicPrefix: prefix,
  dataDir,
  adminToken: optional(Config.Redacted("ADMIN_TOKEN")),
  projectToken,
  databaseUrl: optional(postgresUrl("DATABASE_URL")),
  personsDatabaseUrl: optional(postgresUrl("PERSONS_DATABASE_URL")),
  postgresPort,
  poolSize: poolSize({ more: logConnections }),
  clickhouseUrl: optional(httpUrl("CLICKHOUSE_URL", "http://host:8123")),
  clickhousePort,
  clickhouseIngest: WorkerConfig.clickhouseIngest("sink"),
  clickhouseKafkaHosts: optional(Kafka.brokers("CLICKHOUSE_KAFKA_HOSTS")),
  kafka,
  partitions,
  retention: parsed("LOG_RETENTION", parseRetention, "24 hours, 2 GB, or both with a comma between").pipe(
    withDefault<Retention>({})
  ),
  gatherMs: duration("CAPTURE_GATHER").pipe(Config.withDefault(Duration.zero), Config.map(Duration.toMillis)),
  encryptionKeys: optional(Config.Redacted("ENCRYPTION_SALT_KEYS"))
})

export type Settings = Config.Success<typeof settings>

const loopback = /^(127\.|::1$|localhost$)/

/** What the settings ask for together and cannot have: one line. */
export const conflict = (read: Settings): string | undefined => {
  if (!loopback.test(read.server.host) && read.adminToken === undefined) {
    return `ADMIN_TOKEN is not set, and HOST=${read.server.host} can be reached from elsewhere: set a token for console and admin API`
  }
  if (read.clickhouseIngest === "kafka-engine" && read.kafka === undefined) {
    return "CLICKHOUSE_INGEST=kafka-engine: ClickHouse cannot reach the embedded log; it may be sink, or KAFKA_HOSTS name a Kafka"
  }
  return undefined
}
