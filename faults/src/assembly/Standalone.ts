/** `npm start`: everything in one process on embedded engines, the log in PostgreSQL's tables. */
import { join } from "node:path"
import * as Topics from "@tributary/domain/row/Topics"
import * as Port from "@tributary/embedded/process/Port"
import * as Ready from "@tributary/embedded/process/Ready"
import * as Effect from "effect/Effect"
import { type Assembly, AssemblyError, type Definition } from "../Assembly.ts"
import * as Postgres from "../stores/Postgres.ts"
import * as PostgresProcesses from "./PostgresProcesses.ts"
import * as Program from "./Program.ts"

/**
 * `process`: SIGKILL of the one process, which is then started again. `restart`: the same with SIGTERM. `postgres`: SIGKILL of
 * PostgreSQL alone. `backend`: SIGKILL of one of its processes, after which it restarts all of them.
 */
const kinds = ["process", "restart", "postgres", "backend"] as const

type Kind = (typeof kinds)[number]

const token = "phc_faults"

/** Messages that a group has not read, by group, topic and partition, and the outbox. */
const waitingStatements = [
  `SELECT o.grp || ' is ' || h.next - o.off || ' messages behind in ' || o.topic || ' ' || o.part AS line
   FROM tributary_log_offset o JOIN tributary_log_head h USING (topic, part) WHERE o.off < h.next`,
  "SELECT 'the outbox holds ' || count(*) || ' messages' AS line FROM tributary_outbox HAVING count(*) > 0"
]

const logStatement = `
SELECT array_agg(convert_from(value, 'UTF8')::jsonb ->> 'uuid' ORDER BY off) AS uuids
FROM tributary_log_msg WHERE topic = '${Topics.events}' GROUP BY part`

const start = (folder: string) =>
  Effect.gen(function* () {
    const [port, postgresPort, clickhousePort] = yield* Effect.all([Port.take, Port.take, Port.take]).pipe(
      Effect.mapError(({ message }) => new AssemblyError({ reason: message }))
    )
    const dataDir = join(folder, "data")
    const capture = `http://127.0.0.1:${port}`
    const ready = Ready.untilOk(`${capture}/_readiness`)
    const program = yield* Program.make({
      name: "npm start",
      file: new URL("../../../apps/standalone/src/main.ts", import.meta.url),
      nodeOptions: ["--initial-heap-size=256"],
      environment: {
        DATA_DIR: dataDir,
        PORT: String(port),
        POSTGRES_PORT: String(postgresPort),
        CLICKHOUSE_HTTP_PORT: String(clickhousePort),
        PROJECT_TOKEN: token,
        LOG_FORMAT: "pretty"
      },
      log: join(folder, "standalone.log"),
      ready
    })
    yield* program.start
    const databaseUrl = `postgres://tributary:tributary@127.0.0.1:${postgresPort}/tributary`

    const kill = (choose: (processes: PostgresProcesses.PostgresProcesses) => number | undefined) =>
      Effect.tap(PostgresProcesses.kill(join(dataDir, "postgres"), choose), () => program.excuse)
    const assembly: Assembly<Kind> = {
      captures: [capture],
      token,
      databaseUrl,
      clickhouseUrl: `http://127.0.0.1:${clickhousePort}`,
      ready,
      inject: {
        process: () => Effect.as(Effect.andThen(program.kill, program.start), "SIGKILL, started again"),
        restart: () =>
          Effect.map(
            Effect.tap(program.stop, () => program.start),
            (how) => `SIGTERM, ${how}, started again`
          ),
        postgres: () => kill(({ postmaster }) => postmaster),
        backend: (chance) => kill(({ others }) => (others.length === 0 ? undefined : chance.pick(others)))
      },
      failure: program.failure,
      waiting: Effect.map(Postgres.read(databaseUrl, waitingStatements), (answers) =>
        answers.flat().map(({ line }) => String(line))
      ),
      log: Effect.map(Postgres.read(databaseUrl, [logStatement]), ([rows = []]) =>
        rows.map(({ uuids }) => (Array.isArray(uuids) ? uuids.map(String) : []))
      )
    }
    return assembly
  })

export const definition: Definition<Kind> = { kinds, start }
