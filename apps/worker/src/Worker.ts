/**
 * The worker as a program: it consumes its lanes, keeps people in PostgreSQL, fills ClickHouse's tables or watches them being filled,
 * and delivers to destinations. Engines that are away are waited for; nothing is lost meanwhile, and readiness tells.
 */
import * as Deliver from "@tributary/pipeline/deliver/Deliver"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import { Health } from "@tributary/pipeline/service/Health"
import * as Loop from "@tributary/pipeline/service/Loop"
import { Restrictions } from "@tributary/pipeline/service/Restrictions"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as ClickHouseIngest from "@tributary/runtime-node/clickhouse/Ingest"
import { securityOf } from "@tributary/runtime-node/clickhouse/KafkaTables"
import * as Fernet from "@tributary/runtime-node/functions/Fernet"
import * as FunctionStore from "@tributary/runtime-node/functions/FunctionStore"
import * as GeoIpDatabase from "@tributary/runtime-node/geoip/GeoIpDatabase"
import { HealthServer } from "@tributary/runtime-node/http/HealthServer"
import * as Kafka from "@tributary/runtime-node/kafka/Client"
import * as Topics from "@tributary/runtime-node/kafka/Topics"
import * as OutboundHttp from "@tributary/runtime-node/outbound/OutboundHttp"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as PostgresStart from "@tributary/runtime-node/postgres/Start"
import * as Stores from "@tributary/runtime-node/postgres/Stores"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Settings } from "./Config.ts"
import * as Ingestion from "./Ingestion.ts"

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

/** Everything around the worker, once the log's topics are there. What the worker writes is gathered by its batches already. */
const world = (settings: Settings) =>
  Layer.mergeAll(
    functions(settings),
    Restrictions.layerStatic(settings.restrictions),
    OutboundHttp.layer({ allowPrivate: settings.allowPrivate })
  ).pipe(
    Layer.provideMerge(postgres(settings)),
    Layer.provideMerge(clickhouse(settings)),
    Layer.provideMerge(Kafka.layer(settings.kafka, { gatherMs: 0 }))
  )

const work = (settings: Settings) =>
  Effect.gen(function* () {
    const { behaviour, consumption, kafka, siteUrl, topicPrefix } = settings
    const lanes = Ingestion.lanes(settings.lanes, consumption)
    yield* Deliver.run({ siteUrl, topicPrefix })
    yield* Ingestion.run({ ...consumption, behaviour, topicPrefix, lanes, topics: settings.lanes })
    const health = yield* Health
    yield* health.started
    yield* Effect.addFinalizer(() => health.stopping)
    return yield* ClickHouseIngest.run({
      ingest: settings.clickhouseIngest,
      database: settings.clickhouseDatabase,
      cluster: settings.clickhouseCluster,
      username: settings.clickhouseUser,
      eventsTtlDays: settings.eventsTtlDays,
      kafka: {
        topicPrefix,
        groupPrefix: settings.clickhouseGroupPrefix,
        brokers: (settings.clickhouseKafkaHosts ?? kafka.hosts).join(","),
        security: securityOf(kafka)
      }
    })
  })

/** Runs until it is interrupted, then drains. Fails with one line for operators where an engine refuses for good. */
export const run = (settings: Settings) =>
  Effect.gen(function* () {
    const { kafka, lanes, topicPrefix } = settings
    yield* Health.use(({ starting }) => starting)
    yield* Topics.ensure(kafka, Topics.ofWorker(topicPrefix, Object.values(lanes)))
    // A scope of its own: the work drains before the engines' connections close.
    return yield* Effect.provide(Loop.together(work(settings)), world(settings))
  }).pipe(Effect.provide(Layer.provideMerge(HealthServer.layer(settings.health), Health.layer)))
