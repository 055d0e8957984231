/**
 * The engines of one machine, or those that settings name instead: PostgreSQL with people, projects and the event log, and
 * ClickHouse. Started in the order in which they need each other, stopped in the reverse one.
 */
import { join } from "node:path"
import * as Topics from "@tributary/domain/row/Topics"
import * as EmbeddedClickHouse from "@tributary/embedded/clickhouse/EmbeddedClickHouse"
import type { EngineError } from "@tributary/embedded/clickhouse/Engine"
import * as Engine from "@tributary/embedded/clickhouse/Engine"
import * as Front from "@tributary/embedded/clickhouse/Front"
import * as EmbeddedLog from "@tributary/embedded/log/EmbeddedLog"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import * as Port from "@tributary/embedded/process/Port"
import type { StartError } from "@tributary/embedded/StartError"
import type { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import type { Health } from "@tributary/pipeline/service/Health"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import type { SchemaRefused } from "@tributary/runtime-node/clickhouse/Migrate"
import * as Start from "@tributary/runtime-node/clickhouse/Start"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as PostgresStart from "@tributary/runtime-node/postgres/Start"
import * as Stores from "@tributary/runtime-node/postgres/Stores"
import { SecondSignal } from "@tributary/runtime-node/process/Program"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { Settings } from "./Config.ts"

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

/** Everything that PostgreSQL keeps, migrated: projects, people, progress, deliveries, and the log in its tables. */
export const stores = (settings: Settings, addresses: Addresses, dataDir: string, groups: ReadonlyArray<Group>) => {
  // Of one process' connections the log gets three: one appends, two serve its readers.
  const logConnections = 3
  const databases = Database.layer({ ...addresses, poolSize: settings.poolSize - logConnections })
  const migrated = Layer.effectDiscard(PostgresStart.migrate)
  const log = EmbeddedLog.layer({
    url: addresses.databaseUrl,
    connections: logConnections,
    partitions: settings.partitions,
    topics: [settings.topicPrefix + Topics.deadLetters],
    groups,
    dataDir,
    gatherMs: settings.gatherMs,
    retention: settings.retention
  })
  return Layer.merge(log, Stores.layer).pipe(Layer.provideMerge(Layer.provideMerge(migrated, databases)))
}

/** The engine in this process, with its read-only front. */
const embeddedClickhouse = (settings: Settings, dataDir: string) =>
  Layer.merge(
    EmbeddedClickHouse.layer({ eventsTtlDays: settings.eventsTtlDays }),
    Layer.effectDiscard(Front.Front).pipe(Layer.provide(Front.layer({ port: settings.clickhousePort })))
  ).pipe(Layer.provide(Engine.layer({ folder: join(dataDir, "clickhouse"), database: settings.clickhouseDatabase })))

/** A server somewhere else. */
const clickhouseServer = (settings: Settings, url: string) => {
  const { clickhouseDatabase: database, clickhousePassword, clickhouseUser: username, eventsTtlDays } = settings
  return ClickHouseHttp.layerSink(database).pipe(
    Layer.provideMerge(Layer.effectDiscard(Start.migrate({ database, eventsTtlDays, username }))),
    Layer.provide(ClickHouseHttp.layer({ url, username, password: clickhousePassword }))
  )
}

/** The engine in this process, or the server that `CLICKHOUSE_URL` names. */
export const clickhouse = (
  settings: Settings,
  dataDir: string
): Layer.Layer<ClickHouseSink, StartError | EngineError | SchemaRefused, Health> =>
  settings.clickhouseUrl === undefined
    ? embeddedClickhouse(settings, dataDir)
    : clickhouseServer(settings, settings.clickhouseUrl)
