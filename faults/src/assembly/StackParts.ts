/** What the production assembly has beside its brokers: PostgreSQL, the `engine` program, capture and two workers. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import * as Stack from "@tributary/app-stack/Stack"
import * as Topics from "@tributary/domain/row/Topics"
import * as EmbeddedEngine from "@tributary/embedded/engine/EmbeddedEngine"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import * as Port from "@tributary/embedded/process/Port"
import * as Ready from "@tributary/embedded/process/Ready"
import type { StartError } from "@tributary/embedded/StartError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { type Assembly, AssemblyError } from "../Assembly.ts"
import * as Kafka from "../stores/Kafka.ts"
import * as Postgres from "../stores/Postgres.ts"
import * as Network from "./Network.ts"
import * as Program from "./Program.ts"

export interface Brokers {
  readonly hosts: ReadonlyArray<string>
  readonly replication: number
  readonly lost: ReadonlyArray<Effect.Effect<never, StartError>>
}

const token = "phc_faults"
const partitions = 4
const workerCount = 2

export const assemblyError = ({ message }: { readonly message: string }): AssemblyError =>
  new AssemblyError({ reason: message })

const outboxStatement =
  "SELECT 'the outbox holds ' || count(*) || ' messages' AS line FROM tributary_outbox HAVING count(*) > 0"

/** Waits for the servers, not for capture and workers, which come up with `ready`. */
export const start = Effect.fnUntraced(function* (folder: string, { hosts, lost, replication }: Brokers) {
  const dataDir = join(folder, "data")
  const { port: postgresPort, url } = yield* Effect.provide(
    EmbeddedPostgres,
    yield* Layer.build(EmbeddedPostgres.layer({ dataDir }))
  )
  const proxyPort = yield* Port.take
  const network = yield* Network.listen(proxyPort, postgresPort)
  const capturePort = yield* Port.take
  const siteUrl = `http://127.0.0.1:${capturePort}`
  yield* Stack.prepare({ projectToken: token, siteUrl }, url)
  const engine = yield* EmbeddedEngine.make({
    dataDir,
    httpPort: 0,
    password: Redacted.make(randomBytes(16).toString("hex"))
  })
  const common = Stack.environment({
    kafkaHosts: hosts,
    partitions,
    replication,
    databaseUrl: Redacted.make(Redacted.value(url).replace(`:${postgresPort}/`, `:${proxyPort}/`)),
    clickhouseUrl: engine.url,
    encryptionKeys: Redacted.make(randomBytes(32).toString("base64")),
    host: "127.0.0.1",
    siteUrl
  })

  const program = Effect.fnUntraced(function* (name: string, app: "capture" | "worker") {
    const healthPort = yield* Port.take
    const ready = Ready.untilOk(`http://127.0.0.1:${healthPort}/_readiness`)
    const made = yield* Program.make({
      name,
      file: new URL(`../../../apps/${app}/src/main.ts`, import.meta.url),
      nodeOptions: ["--initial-heap-size=256"],
      environment: { ...common, PORT: String(capturePort), HEALTH_PORT: String(healthPort) },
      log: join(folder, `${name}.log`),
      ready
    })
    yield* made.start
    return { ...made, ready }
  })
  const workers = yield* Effect.forEach(
    Array.from({ length: workerCount }, (_, index) => `worker-${index + 1}`),
    (name) => program(name, "worker")
  )
  const capture = yield* program("capture", "capture")
  const programs = [capture, ...workers]

  const databaseUrl = Redacted.value(url)
  const outbox = Effect.map(Postgres.read(databaseUrl, [outboxStatement]), (answers) =>
    answers.flat().map(({ line }) => String(line))
  )
  const behind = Kafka.waiting(hosts)
  const assembly: Omit<Assembly, "inject"> = {
    captures: [siteUrl],
    token,
    databaseUrl,
    clickhouseUrl: engine.readUrl,
    ready: Effect.forEach(programs, ({ ready }) => ready, { discard: true }),
    failure: Effect.raceAllFirst([
      ...programs.map(({ failure }) => failure),
      ...[...lost, engine.lost].map(Effect.mapError(assemblyError))
    ]),
    // What a worker wrote last is in the outbox before it commits, and in Kafka before it leaves the outbox.
    waiting: Effect.gen(function* () {
      const first = [...(yield* behind), ...(yield* outbox)]
      return first.length > 0 ? first : yield* behind
    }),
    log: Effect.map(Kafka.messages(hosts, Topics.events), (partitions) =>
      partitions.map((records) => records.map(({ value }) => uuidOf(value)))
    )
  }
  return { assembly, capture, workers, engine, network, postgresFolder: join(dataDir, "postgres") }
})

/** Of a message of capture. */
const uuidOf = (value: Uint8Array | null): string => {
  const { uuid }: { readonly uuid?: unknown } = JSON.parse(Buffer.from(value ?? []).toString("utf8"))
  return String(uuid)
}
