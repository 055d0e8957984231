/**
 * The engines of the bench's own, in folders that go with the scope: a PostgreSQL as `npm start` runs it (fsync on), with the
 * people and a project, and the log: in its tables, or a Kafka broker. Which log it is is decided here, and nowhere else.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Names from "@tributary/domain/row/Topics"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import * as EmbeddedEventLog from "@tributary/embedded/log/EmbeddedEventLog"
import * as EmbeddedProducer from "@tributary/embedded/log/EmbeddedProducer"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import { LogHeads } from "@tributary/embedded/log/LogHeads"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import { Health } from "@tributary/pipeline/service/Health"
import * as Kafka from "@tributary/runtime-node/kafka/Client"
import * as KafkaSettings from "@tributary/runtime-node/kafka/Settings"
import * as Topics from "@tributary/runtime-node/kafka/Topics"
import * as Database from "@tributary/runtime-node/postgres/Database"
import { insertProject } from "@tributary/runtime-node/postgres/InsertProject"
import * as Migrations from "@tributary/runtime-node/postgres/Migrations"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { token } from "./Events.ts"

export type LogName = "embedded" | "kafka"

/** Where the engines are, and the project. */
export class World extends Context.Service<
  World,
  {
    readonly log: LogName
    readonly url: string
    readonly team: number
    /** What programs of the bench need to know of it. */
    readonly environment: Readonly<Record<string, string>>
    /** `CAPTURE_GATHER` as the programs on this log have it by default, in milliseconds. */
    readonly captureGatherMs: number
    /** Makes topics that are none of Tributary's own, where a log wants that. */
    readonly makeTopic: (topic: string, partitions: number) => Effect.Effect<void>
    /** Deletes all messages where they would slow the next round down; topics keep their offsets. Nobody may be reading. */
    readonly empty: Effect.Effect<void>
  }
>()("@tributary/bench/World") {}

/** A new folder, removed when the scope closes. */
export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tributary-bench-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** What programs of the bench get from their environment. `kafka`: undefined on the embedded log. */
export const settings = Config.all({
  url: Config.String("BENCH_DATABASE_URL"),
  dataDir: Config.String("BENCH_DATA_DIR"),
  gatherMs: Config.Int("BENCH_GATHER_MS").pipe(Config.withDefault(0)),
  kafka: Config.flatMap(Config.Literals(["embedded", "kafka"], "BENCH_LOG"), (log) =>
    log === "kafka" ? KafkaSettings.settings : Config.succeed(undefined)
  )
})

export type Settings = Config.Success<typeof settings>

const embeddedLog = ({ dataDir, gatherMs, url }: Settings) =>
  Layer.merge(EmbeddedProducer.layer({ dataDir, gatherMs }), EmbeddedEventLog.layer).pipe(
    Layer.provide(LogHeads.layer({ partitions: 4 })),
    // Three connections, as in `npm start`.
    Layer.provide(LogDatabase.layer({ url: Redacted.make(url), connections: 3 }))
  )

const kafkaLog = (kafka: KafkaSettings.KafkaSettings, gatherMs: number) =>
  Kafka.layer(kafka, { gatherMs }).pipe(Layer.provide(Health.layer))

/** The pools and the log of one process of the bench. */
export const stores = (settings: Settings) => {
  const { gatherMs, kafka, url } = settings
  const address = Redacted.make(url)
  const databases = Database.layer({ databaseUrl: address, personsDatabaseUrl: address, poolSize: 7 })
  const log = Layer.unwrap(
    Effect.sync(() =>
      kafka === undefined ? Layer.orDie(embeddedLog(settings)) : Layer.orDie(kafkaLog(kafka, gatherMs))
    )
  )
  return Layer.merge(log, databases)
}

/** Where the log is, for the environment of programs. */
const logEnvironment = Effect.fnUntraced(function* (log: LogName) {
  if (log === "embedded") return { BENCH_LOG: log }
  const dataDir = yield* folder
  const broker = yield* Layer.build(EmbeddedKafka.layer({ dataDir, neededBy: "npm run bench -- --kafka" }))
  const { hosts } = yield* Effect.provide(EmbeddedKafka, broker)
  return {
    BENCH_LOG: log,
    KAFKA_HOSTS: hosts.join(","),
    KAFKA_TOPIC_PARTITIONS: "4",
    KAFKA_TOPIC_REPLICATION: "1"
  }
})

const lanes = [Names.events, Names.eventsOverflow, Names.eventsHistorical]

const makeTopics = (kafka: KafkaSettings.KafkaSettings, topics: ReadonlyArray<string>) =>
  Topics.ensure(kafka, topics).pipe(Effect.provide(Health.layer))

export const layer = (log: LogName) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const ofLog = yield* logEnvironment(log)
      const dataDir = yield* folder
      const postgres = yield* Layer.build(EmbeddedPostgres.layer({ dataDir }))
      const url = Redacted.value((yield* Effect.provide(EmbeddedPostgres, postgres)).url)
      const environment = { ...ofLog, BENCH_DATABASE_URL: url, BENCH_DATA_DIR: dataDir }
      const provider = ConfigProvider.fromEnv({ env: { ...process.env, ...environment } })
      const own = yield* settings.parse(provider)
      const { kafka } = own
      if (kafka !== undefined) yield* makeTopics(kafka, Topics.ofWorker("", lanes))
      const world = Effect.gen(function* () {
        const sql = yield* Database.PersonsDatabase
        yield* Migrations.projects
        yield* Migrations.persons
        const { id } = yield* insertProject({ token, name: "Bench" })
        return World.of({
          log,
          url,
          team: id,
          environment,
          captureGatherMs: log === "embedded" ? 0 : 5,
          makeTopic: (topic, partitions) =>
            kafka === undefined ? Effect.void : Effect.orDie(makeTopics({ ...kafka, partitions }, [topic])),
          empty:
            log === "embedded" ? Effect.asVoid(Effect.orDie(sql.unsafe("TRUNCATE tributary_log_msg"))) : Effect.void
        })
      })
      return Layer.effect(World, world).pipe(Layer.provideMerge(stores(own)))
    })
  )
