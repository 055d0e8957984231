/**
 * The engines of one machine, or those that settings name instead, each alone: PostgreSQL with people and projects, the event
 * log in its tables or Kafka, and ClickHouse. Started in the order in which they need each other, stopped in the reverse one.
 */
import { join } from "node:path"
import * as Topics from "@tributary/domain/row/Topics"
import * as EmbeddedClickHouse from "@tributary/embedded/clickhouse/EmbeddedClickHouse"
import type { EngineError } from "@tributary/embedded/clickhouse/Engine"
import * as Engine from "@tributary/embedded/clickhouse/Engine"
import * as Front from "@tributary/embedded/clickhouse/Front"
import * as Query from "@tributary/embedded/clickhouse/Query"
import * as EmbeddedLog from "@tributary/embedded/log/EmbeddedLog"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import * as Port from "@tributary/embedded/process/Port"
import type { StartError } from "@tributary/embedded/StartError"
import type { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { Health } from "@tributary/pipeline/service/Health"
import type { Producer } from "@tributary/pipeline/service/Producer"
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import { securityOf } from "@tributary/runtime-node/clickhouse/KafkaTables"
import * as KafkaWatch from "@tributary/runtime-node/clickhouse/KafkaWatch"
import type { SchemaRefused } from "@tributary/runtime-node/clickhouse/Migrate"
import * as Start from "@tributary/runtime-node/clickhouse/Start"
import * as Kafka from "@tributary/runtime-node/kafka/Client"
import type { KafkaStartError } from "@tributary/runtime-node/kafka/StartCheck"
import * as KafkaTopics from "@tributary/runtime-node/kafka/Topics"
import * as Database from "@tributary/runtime-node/postgres/Database"
import type { SchemaTooNew } from "@tributary/runtime-node/postgres/Migrations"
import * as PostgresStart from "@tributary/runtime-node/postgres/Start"
import * as Stores from "@tributary/runtime-node/postgres/Stores"
import type { TlsError } from "@tributary/runtime-node/postgres/Tls"
import { SecondSignal } from "@tributary/runtime-node/process/Program"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { logConnections, type Settings } from "./Config.ts"

/** Where people, projects and the log live. */
interface Addresses {
  readonly databaseUrl: Redacted.Redacted
  readonly personsDatabaseUrl: Redacted.Redacted
}

/** Fails where another program listens at a port of ClickHouse's; PostgreSQL's is looked at when it starts. */
export const checkPorts = ({ clickhousePort, clickhouseUrl }: Settings): Effect.Effect<void, StartError> =>
  clickhouseUrl === undefined && clickhousePort !== 0 ? Port.check(clickhousePort, "CLICKHOUSE_HTTP_PORT") : Effect.void

/** The server in this folder, or the one that `DATABASE_URL` names. `lost` fails when ours cannot be kept running. */
export const postgres = (settings: Settings) =>
  Effect.gen(function* () {
    const { databaseUrl, personsDatabaseUrl } = settings
    if (databaseUrl !== undefined) {
      return { databaseUrl, personsDatabaseUrl: personsDatabaseUrl ?? databaseUrl, lost: Effect.never }
    }
    const context = yield* Layer.build(EmbeddedPostgres.layerIn({ port: settings.postgresPort }))
    const { lost, quit, url } = yield* Effect.provide(EmbeddedPostgres, context)
    yield* SecondSignal.use((signal) => signal.add(quit))
    return { databaseUrl: url, personsDatabaseUrl: personsDatabaseUrl ?? url, lost }
  })

/** A consumer group of this start, and what it reads. */
export interface Group {
  readonly group: string
  readonly topics: ReadonlyArray<string>
}

/** The log of messages: in PostgreSQL's tables, or Kafka's. */
const log = (
  settings: Settings,
  addresses: Addresses,
  dataDir: string,
  groups: ReadonlyArray<Group>
): Layer.Layer<EventLog | Producer, KafkaStartError | StoreError | SchemaTooNew | TlsError, Health> => {
  const { capture, gatherMs, kafka, lanes, partitions, retention, topicPrefix } = settings
  if (kafka !== undefined) {
    const topics = new Set([
      ...KafkaTopics.ofWorker(topicPrefix, Object.values(lanes)),
      ...KafkaTopics.ofCapture(capture.topics)
    ])
    return Layer.unwrap(Effect.as(KafkaTopics.ensure(kafka, [...topics]), Kafka.layer(kafka, { gatherMs })))
  }
  return EmbeddedLog.layer({
    url: addresses.databaseUrl,
    connections: logConnections,
    partitions,
    topics: [topicPrefix + Topics.deadLetters],
    groups,
    dataDir,
    gatherMs,
    retention
  })
}

/** The log, and what PostgreSQL keeps, migrated: projects, people, progress, deliveries. */
export const stores = (settings: Settings, addresses: Addresses, dataDir: string, groups: ReadonlyArray<Group>) => {
  const poolSize = settings.kafka === undefined ? settings.poolSize - logConnections : settings.poolSize
  const migrated = Layer.effectDiscard(PostgresStart.migrate)
  return Layer.merge(log(settings, addresses, dataDir, groups), Stores.layer).pipe(
    Layer.provideMerge(Layer.provideMerge(migrated, Database.layer({ ...addresses, poolSize })))
  )
}

/** What ClickHouse reads by itself; undefined with the sink. */
const tables = (settings: Settings) =>
  settings.kafka === undefined || settings.clickhouseIngest === "sink"
    ? undefined
    : {
        brokers: (settings.clickhouseKafkaHosts ?? settings.kafka.hosts).join(","),
        topicPrefix: settings.topicPrefix,
        groupPrefix: settings.clickhouseGroupPrefix,
        security: securityOf(settings.kafka)
      }

/** The engine in this process, with its read-only front. */
const embeddedClickhouse = (settings: Settings, dataDir: string) => {
  const { clickhouseDatabase: database, clickhousePort: port, eventsTtlDays } = settings
  const kafka = tables(settings)
  const watched = Engine.Engine.use((engine) =>
    Effect.forkScoped(KafkaWatch.watch((sql, parameters) => Query.rows(engine, sql, parameters), { database }))
  )
  return Layer.merge(
    EmbeddedClickHouse.layer({ eventsTtlDays, kafka }),
    Layer.effectDiscard(Front.Front).pipe(Layer.provide(Front.layer({ port })))
  ).pipe(
    Layer.provideMerge(kafka === undefined ? Layer.empty : Layer.effectDiscard(watched)),
    Layer.provide(Engine.layer({ folder: join(dataDir, "clickhouse"), database, kafkaTls: settings.kafka?.tls }))
  )
}

/** A server somewhere else. */
const clickhouseServer = (settings: Settings, url: string) => {
  const { clickhouseDatabase: database, clickhousePassword, clickhouseUser: username, eventsTtlDays } = settings
  const kafka = tables(settings)
  return ClickHouseHttp.layerSink(database).pipe(
    Layer.provideMerge(
      kafka === undefined ? Layer.empty : Layer.effectDiscard(Effect.forkScoped(KafkaWatch.run({ database })))
    ),
    Layer.provideMerge(Layer.effectDiscard(Start.migrate({ database, eventsTtlDays, username, kafka }))),
    Layer.provide(ClickHouseHttp.layer({ url, username, password: clickhousePassword }))
  )
}

/** The engine in this process, or the server that `CLICKHOUSE_URL` names. What reads Kafka by itself is watched. */
export const clickhouse = (
  settings: Settings,
  dataDir: string
): Layer.Layer<ClickHouseSink, StartError | EngineError | SchemaRefused, Health> =>
  settings.clickhouseUrl === undefined
    ? embeddedClickhouse(settings, dataDir)
    : clickhouseServer(settings, settings.clickhouseUrl)
