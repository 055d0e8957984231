/**
 * All of Tributary in one process: engines, sink, worker, delivery, and capture last, so that the door opens when everything
 * behind it stands. At the end the door closes, and worker, delivery and sinks finish what they have in hand, all at the same time; then
 * engines stop.
 */
import * as Ingestion from "@tributary/app-worker/Ingestion"
import * as Topics from "@tributary/domain/row/Topics"
import { DataDir } from "@tributary/embedded/DataDir"
import * as Keys from "@tributary/embedded/functions/Keys"
import { bundledPlaces } from "@tributary/embedded/functions/Places"
import * as Platform from "@tributary/embedded/Platform"
import { StartError } from "@tributary/embedded/StartError"
import * as Deliver from "@tributary/pipeline/deliver/Deliver"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import { Health } from "@tributary/pipeline/service/Health"
import * as Loop from "@tributary/pipeline/service/Loop"
import { Restrictions } from "@tributary/pipeline/service/Restrictions"
import * as Sink from "@tributary/pipeline/sink/Sink"
import * as Tables from "@tributary/pipeline/sink/Tables"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import * as FirstProject from "@tributary/runtime-node/functions/FirstProject"
import * as FunctionStorePostgres from "@tributary/runtime-node/functions/FunctionStore"
import * as GeoIpDatabase from "@tributary/runtime-node/geoip/GeoIpDatabase"
import { CaptureServer } from "@tributary/runtime-node/http/CaptureServer"
import { Door } from "@tributary/runtime-node/http/Door"
import * as OutboundHttp from "@tributary/runtime-node/outbound/OutboundHttp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { conflict, type Settings } from "./Config.ts"
import * as Engines from "./Engines.ts"

/** Runs until it is interrupted. `opened` is told where capture listens, once everything stands. */
export const run = (settings: Settings, opened: (address: CaptureServer["Service"]) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const message = conflict(settings)
    if (message !== undefined) return yield* new StartError({ message })
    yield* Platform.check
    const folder = DataDir.layer({ path: settings.dataDir })
    // A used port shows before anything slow is started.
    const door = Door.layer(settings.server).pipe(Layer.provideMerge(Health.layer), Layer.provideMerge(folder))
    const outside = yield* Layer.build(door)
    yield* Engines.checkPorts(settings)
    return yield* Effect.provide(serve(settings, opened), outside)
  })

const serve = (settings: Settings, opened: (address: CaptureServer["Service"]) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { path: dataDir } = yield* DataDir
    const keys = yield* Keys.load(settings.encryptionKeys, dataDir)
    const postgres = yield* Engines.postgres(settings)

    const lanes = Ingestion.lanes(settings.lanes, settings.consumption)
    const siteUrl = `http://${settings.server.host}:${settings.server.port}`
    const functions = FunctionStorePostgres.layer({ siteUrl, keys }).pipe(
      Layer.provide(Layer.mergeAll(TransformationRegistry.layer(), DestinationRegistry.layer())),
      Layer.provide(GeoIpDatabase.layer(settings.geoipDatabase ?? bundledPlaces()))
    )
    const services = Layer.mergeAll(
      functions,
      Restrictions.layerStatic(settings.restrictions),
      OutboundHttp.layer({ allowPrivate: settings.allowPrivate })
    ).pipe(
      // After the log, whose topics it may read by itself.
      Layer.provideMerge(Engines.clickhouse(settings, dataDir)),
      Layer.provideMerge(Engines.stores(settings, postgres, dataDir, groups(settings, lanes)))
    )
    const work = Effect.gen(function* () {
      const { behaviour, topicPrefix } = settings
      yield* FirstProject.make(settings.projectToken)
      if (settings.clickhouseIngest === "sink") {
        yield* Sink.run({ topicPrefix, groupPrefix: settings.clickhouseGroupPrefix })
      }
      yield* Deliver.run({ siteUrl, topicPrefix })
      yield* Ingestion.run({ ...settings.consumption, behaviour, lanes, topics: settings.lanes, topicPrefix })
      const server = { ...settings.server, servesMetrics: true }
      const capture = yield* Layer.build(CaptureServer.layerBehindDoor(server, settings.capture))
      yield* opened(yield* Effect.provide(CaptureServer, capture))
      return yield* Effect.never
    })
    const served = Effect.flatMap(Layer.build(services), (world) => Effect.provide(Loop.together(work), world))
    return yield* Effect.raceFirst(served, postgres.lost)
  })

/** Every consumer group of this start: the log keeps for them what they have not read. */
const groups = (settings: Settings, lanes: ReadonlyArray<Ingestion.Lane>): ReadonlyArray<Engines.Group> => [
  ...lanes.map(({ group, topic }) => ({ group, topics: [topic] })),
  ...Tables.targets.map(({ topic }) => {
    const name = settings.topicPrefix + topic
    return { group: settings.clickhouseGroupPrefix + name, topics: [name] }
  }),
  { group: Deliver.group, topics: [settings.topicPrefix + Topics.clickhouseEvents] }
]
