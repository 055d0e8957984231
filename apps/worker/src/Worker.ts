/**
 * The worker as a program: it consumes its lanes, keeps people in PostgreSQL, fills ClickHouse's tables or watches them being filled,
 * and delivers to destinations. Engines that are away are waited for; nothing is lost meanwhile, and readiness tells.
 */
import * as Deliver from "@tributary/pipeline/deliver/Deliver"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import { Health } from "@tributary/pipeline/service/Health"
import type { Producer } from "@tributary/pipeline/service/Producer"
import { Restrictions } from "@tributary/pipeline/service/Restrictions"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as ClickHouseIngest from "@tributary/runtime-node/clickhouse/Ingest"
import type { Security } from "@tributary/runtime-node/clickhouse/KafkaTables"
import * as Fernet from "@tributary/runtime-node/functions/Fernet"
import * as FunctionStore from "@tributary/runtime-node/functions/FunctionStore"
import * as GeoIpDatabase from "@tributary/runtime-node/geoip/GeoIpDatabase"
import * as OutboundHttp from "@tributary/runtime-node/outbound/OutboundHttp"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as PostgresStart from "@tributary/runtime-node/postgres/Start"
import * as Stores from "@tributary/runtime-node/postgres/Stores"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Settings } from "./Config.ts"
import * as WorkerApp from "./WorkerApp.ts"

/** How ClickHouse reaches the log, where it reads by itself. */
export interface LogAddress {
  /** A comma list of brokers. */
  readonly brokers: string
  readonly security: Security | undefined
}

const postgres = (settings: Settings) =>
  Stores.layer.pipe(
    Layer.provideMerge(Layer.effectDiscard(PostgresStart.migrate)),
    Layer.provideMerge(
      Database.layer({
        databaseUrl: settings.databaseUrl,
        personsDatabaseUrl: settings.personsDatabaseUrl ?? settings.databaseUrl,
        poolSize: settings.poolSize
      })
    )
  )

const clickhouse = (settings: Settings) =>
  ClickHouseHttp.layerSink(settings.clickhouseDatabase, settings.clickhouseCluster).pipe(
    Layer.provideMerge(
      ClickHouseHttp.layer({
        url: settings.clickhouseUrl,
        username: settings.clickhouseUser,
        password: settings.clickhousePassword
      })
    )
  )

const functions = ({ encryptionKeys, geoipDatabase, siteUrl }: Settings) =>
  FunctionStore.layer({ siteUrl, keys: encryptionKeys ?? Fernet.noKeys }).pipe(
    Layer.provide(Layer.mergeAll(TransformationRegistry.layer(), DestinationRegistry.layer())),
    Layer.provide(geoipDatabase === undefined ? GeoIpDatabase.layerNone : GeoIpDatabase.layer(geoipDatabase))
  )

/** Runs until it is interrupted, then drains. Fails with one line for operators where an engine refuses for good. */
export const run = <E>(settings: Settings, address: LogAddress, log: Layer.Layer<Producer | EventLog, E, Health>) => {
  const world = Layer.mergeAll(
    functions(settings),
    Restrictions.layerStatic(settings.restrictions),
    OutboundHttp.layer({ allowPrivate: settings.allowPrivate })
  ).pipe(Layer.provideMerge(postgres(settings)), Layer.provideMerge(clickhouse(settings)), Layer.provideMerge(log))
  return Effect.gen(function* () {
    const { behaviour, clickhouseDatabase, consumption, siteUrl, topicPrefix } = settings
    yield* Deliver.run({ siteUrl, topicPrefix })
    yield* WorkerApp.run({
      ...consumption,
      behaviour,
      topicPrefix,
      lanes: WorkerApp.lanes(settings.lanes, consumption),
      topics: settings.lanes
    })
    yield* Effect.addFinalizer(() => Health.use(({ stopping }) => stopping))
    return yield* ClickHouseIngest.run({
      ingest: settings.clickhouseIngest,
      database: clickhouseDatabase,
      cluster: settings.clickhouseCluster,
      username: settings.clickhouseUser,
      eventsTtlDays: settings.eventsTtlDays,
      kafka: {
        topicPrefix,
        groupPrefix: settings.clickhouseGroupPrefix,
        brokers: settings.clickhouseKafkaHosts ?? address.brokers,
        security: address.security
      }
    })
  }).pipe(Effect.provide(world))
}
