/**
 * The production assembly on one machine: a real Kafka, PostgreSQL, the `engine` program in place of a ClickHouse server, capture
 * and workers as processes of their own. Stopped in the order capture, workers, engine, broker, PostgreSQL.
 */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { DataDir } from "@tributary/embedded/DataDir"
import * as EmbeddedEngine from "@tributary/embedded/engine/EmbeddedEngine"
import * as Keys from "@tributary/embedded/functions/Keys"
import { bundledPlaces } from "@tributary/embedded/functions/Places"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as Jars from "@tributary/embedded/kafka/Jars"
import * as Java from "@tributary/embedded/kafka/Java"
import * as Platform from "@tributary/embedded/Platform"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import * as Port from "@tributary/embedded/process/Port"
import { DestinationRegistry } from "@tributary/pipeline/destination/Registry"
import * as Health from "@tributary/pipeline/service/Health"
import { TransformationRegistry } from "@tributary/pipeline/transformation/Registry"
import * as Fernet from "@tributary/runtime-node/functions/Fernet"
import * as FirstProject from "@tributary/runtime-node/functions/FirstProject"
import * as FunctionStore from "@tributary/runtime-node/functions/FunctionStore"
import * as GeoIpDatabase from "@tributary/runtime-node/geoip/GeoIpDatabase"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as PostgresStart from "@tributary/runtime-node/postgres/Start"
import { SecondSignal } from "@tributary/runtime-node/process/Program"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Child from "./Child.ts"
import type { Settings } from "./Config.ts"

const neededBy = "npm run stack"

/** Waited for before anything starts, so that a used one shows at once. The broker and PostgreSQL look at their own. */
const checkPorts = (settings: Settings) =>
  Effect.gen(function* () {
    yield* Port.check(settings.port, "PORT")
    yield* Port.check(settings.clickhousePort, "CLICKHOUSE_HTTP_PORT")
    for (let n = 0; n <= settings.workers; n++) yield* Port.check(settings.healthPort + n, "HEALTH_PORT")
  })

/** The tables and the project of `PROJECT_TOKEN`, before anybody looks for them. */
export const prepare = (
  { projectToken, siteUrl }: { readonly projectToken: string; readonly siteUrl: string },
  url: Redacted.Redacted
) => {
  const functions = FunctionStore.layer({ siteUrl, keys: Fernet.noKeys }).pipe(
    Layer.provide(Layer.merge(TransformationRegistry.layer(), DestinationRegistry.layer())),
    Layer.provide(GeoIpDatabase.layerNone)
  )
  return Effect.andThen(PostgresStart.migrate, Effect.provide(FirstProject.make(projectToken), functions)).pipe(
    Effect.provide(
      Layer.merge(Database.layer({ databaseUrl: url, personsDatabaseUrl: url, poolSize: 4 }), Health.Health.layer)
    )
  )
}

export interface Servers {
  readonly kafkaHosts: ReadonlyArray<string>
  readonly partitions: number
  readonly replication: number
  readonly databaseUrl: Redacted.Redacted
  /** Writes too; user and password are in it. */
  readonly clickhouseUrl: Redacted.Redacted
  readonly encryptionKeys: Redacted.Redacted
  /** Where capture and health listen. */
  readonly host: string
  readonly siteUrl: string
}

/** What capture and workers are told of the servers. */
export const environment = (servers: Servers): Readonly<Record<string, string>> => {
  const writes = new URL(Redacted.value(servers.clickhouseUrl))
  return {
    KAFKA_HOSTS: servers.kafkaHosts.join(","),
    KAFKA_TOPIC_PARTITIONS: String(servers.partitions),
    KAFKA_TOPIC_REPLICATION: String(servers.replication),
    DATABASE_URL: Redacted.value(servers.databaseUrl),
    CLICKHOUSE_URL: writes.origin,
    CLICKHOUSE_USER: decodeURIComponent(writes.username),
    CLICKHOUSE_PASSWORD: decodeURIComponent(writes.password),
    ENCRYPTION_SALT_KEYS: Redacted.value(servers.encryptionKeys),
    GEOIP_DATABASE: process.env["GEOIP_DATABASE"] ?? bundledPlaces(),
    HOST: servers.host,
    SITE_URL: servers.siteUrl
  }
}

/** Runs until it is interrupted. `opened` is told when events are taken. */
export const run = (settings: Settings, opened: Effect.Effect<void>) =>
  Effect.gen(function* () {
    yield* Platform.check
    // What people have to install shows before anything slow is started.
    yield* Java.locate(neededBy)
    yield* Jars.ensure(Jars.defaultCache(), neededBy)
    yield* checkPorts(settings)
    const folder = yield* Layer.build(DataDir.layer({ path: settings.dataDir }))
    const { path: dataDir } = yield* Effect.provide(DataDir, folder)
    const keys = settings.encryptionKeys ?? (yield* Keys.kept(dataDir))

    const servers = yield* Layer.build(
      EmbeddedKafka.layerIn({ port: settings.kafkaPort, neededBy }).pipe(
        Layer.provideMerge(EmbeddedPostgres.layerIn({ port: settings.postgresPort }))
      )
    ).pipe(Effect.provide(folder))
    const postgres = yield* Effect.provide(EmbeddedPostgres, servers)
    const kafka = yield* Effect.provide(EmbeddedKafka, servers)
    yield* SecondSignal.use((signal) => signal.add(postgres.quit))
    const siteUrl = `http://${settings.host}:${settings.port}`
    yield* prepare({ projectToken: settings.projectToken, siteUrl }, postgres.url)

    const engine = yield* EmbeddedEngine.make({
      dataDir,
      httpPort: settings.clickhousePort,
      password: Redacted.make(randomBytes(16).toString("hex")),
      database: settings.database
    })
    const common = environment({
      kafkaHosts: kafka.hosts,
      partitions: settings.partitions,
      replication: 1,
      databaseUrl: postgres.url,
      clickhouseUrl: engine.url,
      encryptionKeys: keys,
      host: settings.host,
      siteUrl
    })
    const child = (name: string, app: "capture" | "worker", healthPort: number) =>
      Child.start({
        name,
        file: new URL(`../../${app}/src/main.ts`, import.meta.url),
        environment: { ...common, PORT: String(settings.port), HEALTH_PORT: String(healthPort) },
        log: join(dataDir, `${name}.log`),
        readiness: `http://127.0.0.1:${healthPort}/_readiness`
      })
    const workers = yield* Effect.forEach(
      Array.from({ length: settings.workers }, (_, index) => index + 1),
      (n) => child(`worker-${n}`, "worker", settings.healthPort + n),
      { concurrency: "unbounded" }
    )
    const capture = yield* child("capture", "capture", settings.healthPort)
    yield* opened
    const lost = [postgres, kafka, engine, capture, ...workers].map((part) => part.lost)
    return yield* Effect.raceAllFirst(lost)
  })
