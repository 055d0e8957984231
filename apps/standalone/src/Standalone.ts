/**
 * All of Tributary in one process: engines, sink, worker, and capture last, so that the door opens when everything behind
 * it stands. Released in the reverse order: the door closes, workers finish their batches, sinks flush, engines stop.
 */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import * as WorkerConfig from "@tributary/app-worker/Config"
import * as WorkerApp from "@tributary/app-worker/WorkerApp"
import * as Topics from "@tributary/domain/row/Topics"
import { DataDir } from "@tributary/embedded/DataDir"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import * as LogGroups from "@tributary/embedded/log/LogGroups"
import { LogHeads } from "@tributary/embedded/log/LogHeads"
import * as Platform from "@tributary/embedded/Platform"
import * as CaptureSettings from "@tributary/pipeline/capture/Settings"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import { FunctionStore } from "@tributary/pipeline/service/FunctionStore"
import { Health } from "@tributary/pipeline/service/Health"
import { Restrictions } from "@tributary/pipeline/service/Restrictions"
import * as Sink from "@tributary/pipeline/sink/Sink"
import * as Tables from "@tributary/pipeline/sink/Tables"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import * as FunctionStorePostgres from "@tributary/runtime-node/functions/FunctionStore"
import * as GeoIpDatabase from "@tributary/runtime-node/geoip/GeoIpDatabase"
import * as CaptureServer from "@tributary/runtime-node/http/CaptureServer"
import { insertProject } from "@tributary/runtime-node/postgres/InsertProject"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Settings } from "./Config.ts"
import * as Engines from "./Engines.ts"
import * as Keys from "./Keys.ts"

/** The country database that installs with the embedded package. */
const bundledPlaces = (): string => {
  const require = createRequire(import.meta.resolve("@tributary/embedded"))
  const packageJson = require.resolve("@ip-location-db/geo-whois-asn-country-mmdb/package.json")
  return join(dirname(packageJson), "geo-whois-asn-country.mmdb")
}

const lanes = (group: string): ReadonlyArray<WorkerApp.Lane> => [
  { name: "main", topic: Topics.events, group },
  { name: "overflow", topic: Topics.eventsOverflow, group: `${group}-overflow` },
  { name: "historical", topic: Topics.eventsHistorical, group: `${group}-historical` }
]

/** Runs until it is interrupted. `opened` is told where capture listens, once everything stands. */
export const run = <E, R>(settings: Settings, opened: (address: CaptureServer.CaptureServer["Service"]) => Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    yield* Platform.check
    const folder = yield* Layer.build(DataDir.layer({ path: settings.dataDir }))
    const { path: dataDir } = yield* Effect.provide(DataDir, folder)
    const keys = yield* Keys.load(settings.encryptionKeys, dataDir)
    const addresses = yield* Effect.provide(Engines.postgres(settings), folder)

    const functions = FunctionStorePostgres.layer({ siteUrl: `http://${settings.host}:${settings.port}`, keys }).pipe(
      Layer.provide(Layer.mergeAll(TransformationRegistry.layer(), DestinationRegistry.layer())),
      Layer.provide(GeoIpDatabase.layer(settings.geoipDatabase ?? bundledPlaces()))
    )
    const restrictions = yield* WorkerConfig.restrictions
    const services = Layer.mergeAll(functions, Restrictions.layerStatic(restrictions)).pipe(
      Layer.provideMerge(Engines.stores(settings, addresses, dataDir)),
      Layer.provideMerge(Engines.clickhouse(settings, dataDir)),
      Layer.provideMerge(Health.layer)
    )
    const world = yield* Layer.build(services)
    return yield* Effect.gen(function* () {
      const consumption = yield* WorkerConfig.consumption
      const behaviour = yield* WorkerConfig.behaviour
      const wanted = lanes(consumption.group)
      yield* prepareLog(settings, wanted)
      yield* makeProject(settings)
      yield* Sink.run({ topicPrefix: "", groupPrefix: settings.clickhouseGroupPrefix })
      yield* WorkerApp.run({
        behaviour,
        lanes: wanted,
        overflowTopic: Topics.eventsOverflow,
        maxMessages: consumption.maxMessages,
        maxBytes: consumption.maxBytes
      })
      const server = { ...CaptureServer.defaults, host: settings.host, port: settings.port }
      const door = yield* Layer.build(CaptureServer.CaptureServer.layer(server, CaptureSettings.defaults))
      yield* opened(yield* Effect.provide(CaptureServer.CaptureServer, door))
      return yield* Effect.never
    }).pipe(Effect.provide(world))
  })

/** Topics, and a row for each group of this start at the log's beginning, before anything can be appended. */
const prepareLog = (settings: Settings, wanted: ReadonlyArray<WorkerApp.Lane>) =>
  Effect.gen(function* () {
    const sql = yield* LogDatabase
    const heads = yield* LogHeads
    const tables = Tables.targets.map(({ topic }) => topic)
    yield* heads.ensure([...wanted.map(({ topic }) => topic), ...tables, Topics.deadLetters])
    for (const { group, topic } of wanted) yield* LogGroups.begin(sql, group, [topic])
    for (const topic of tables) yield* LogGroups.begin(sql, settings.clickhouseGroupPrefix + topic, [topic])
  })

/** The project of `PROJECT_TOKEN`; the very first one gets a GeoIP transformation (spec cdp 1.1). */
const makeProject = ({ projectToken }: Settings) =>
  Effect.gen(function* () {
    const { id, isFirst } = yield* insertProject({ token: projectToken, name: "Default project" })
    const store = yield* FunctionStore
    if (isFirst) yield* store.ensureGeoIpFunction(id)
  })
