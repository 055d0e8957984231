/**
 * The engines of one machine, or those that settings name instead: PostgreSQL with people, projects and the event log, and
 * ClickHouse. Started in the order in which they need each other, stopped in the reverse one.
 */
import { join } from "node:path"
import * as EmbeddedClickHouse from "@tributary/embedded/clickhouse/EmbeddedClickHouse"
import * as Engine from "@tributary/embedded/clickhouse/Engine"
import type { EngineError } from "@tributary/embedded/clickhouse/Engine"
import * as Front from "@tributary/embedded/clickhouse/Front"
import * as EmbeddedEventLog from "@tributary/embedded/log/EmbeddedEventLog"
import * as EmbeddedProducer from "@tributary/embedded/log/EmbeddedProducer"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import { LogHeads } from "@tributary/embedded/log/LogHeads"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import type { StartError } from "@tributary/embedded/StartError"
import type { ClickHouseError, ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as GroupTypes from "@tributary/runtime-node/postgres/GroupTypes"
import * as Migrations from "@tributary/runtime-node/postgres/Migrations"
import * as PersonStore from "@tributary/runtime-node/postgres/PersonStore"
import * as Progress from "@tributary/runtime-node/postgres/Progress"
import * as ProjectStore from "@tributary/runtime-node/postgres/ProjectStore"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type { Settings } from "./Config.ts"

/** Where people, projects and the log live. */
interface Addresses {
  readonly databaseUrl: Redacted.Redacted
  readonly personsDatabaseUrl: Redacted.Redacted
}

/** The server in this folder, or the one that `DATABASE_URL` names. */
export const postgres = (settings: Settings) =>
  Effect.gen(function* () {
    const { databaseUrl } = settings
    if (databaseUrl !== undefined) return { databaseUrl, personsDatabaseUrl: settings.personsDatabaseUrl ?? databaseUrl }
    const context = yield* Layer.build(EmbeddedPostgres.layerIn({ port: settings.postgresPort }))
    const { url } = yield* Effect.provide(EmbeddedPostgres, context)
    return { databaseUrl: url, personsDatabaseUrl: settings.personsDatabaseUrl ?? url }
  })

/** Everything that PostgreSQL keeps, migrated: projects, people, progress, and the log in its tables. */
export const stores = (settings: Settings, addresses: Addresses, dataDir: string) => {
  // Of one process' connections the log gets three: one appends, two serve its readers.
  const logConnections = 3
  const databases = Database.layer({ ...addresses, poolSize: settings.poolSize - logConnections })
  const migrated = Layer.effectDiscard(Effect.andThen(Migrations.projects, Migrations.persons))
  const log = Layer.mergeAll(
    EmbeddedEventLog.layer,
    EmbeddedProducer.layer({ dataDir, gatherMs: settings.gatherMs })
  ).pipe(
    Layer.provideMerge(LogHeads.layer({ partitions: settings.partitions })),
    Layer.provideMerge(LogDatabase.layer({ url: addresses.databaseUrl, connections: logConnections }))
  )
  const people = Layer.mergeAll(PersonStore.layer, Progress.layer, GroupTypes.layer, ProjectStore.layer)
  return Layer.mergeAll(log, people).pipe(Layer.provideMerge(Layer.provideMerge(migrated, databases)))
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
    Layer.provideMerge(Layer.effectDiscard(ClickHouseHttp.migrate({ database, eventsTtlDays }))),
    Layer.provide(ClickHouseHttp.layer({ url, username, password: clickhousePassword ?? Redacted.make("") }))
  )
}

/** The engine in this process, or the server that `CLICKHOUSE_URL` names. */
export const clickhouse = (
  settings: Settings,
  dataDir: string
): Layer.Layer<ClickHouseSink, StartError | EngineError | ClickHouseError> =>
  settings.clickhouseUrl === undefined
    ? embeddedClickhouse(settings, dataDir)
    : clickhouseServer(settings, settings.clickhouseUrl)
