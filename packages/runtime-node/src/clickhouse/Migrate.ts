/**
 * Brings ClickHouse's tables up to what this program knows, and to what its settings want: a time to live, and Kafka tables
 * or none. What is already so is left alone, so that a user without rights to change the schema may start where it stands.
 *
 * Programs that start at once may migrate at once; what the one that ends last has run holds.
 */
import * as Effect from "effect/Effect"
import * as EffectSchema from "effect/Schema"
import * as Cluster from "./Cluster.ts"
import * as KafkaTables from "./KafkaTables.ts"
import * as Schema from "./Schema.ts"
import * as Statement from "./Statement.ts"

/** The tables are not such as this program, with these settings, may use. `message` is one line for operators. */
export class SchemaRefused extends EffectSchema.TaggedError<SchemaRefused>()("SchemaRefused", {
  message: EffectSchema.String
}) {}

type Row = Readonly<Record<string, unknown>>

/** A way to run statements. */
export interface Run<E, R> {
  readonly command: (sql: string) => Effect.Effect<unknown, E, R>
  readonly rows: (sql: string) => Effect.Effect<ReadonlyArray<Row>, E, R>
}

interface Table extends KafkaTables.Found {
  readonly engineFull: string
}

interface State {
  readonly hasDatabase: boolean
  readonly tables: ReadonlyArray<Table>
  /** 0: there is none, or it was made before versions were told. */
  readonly version: number
}

const look = Effect.fnUntraced(function* <E, R>(database: string, { rows }: Run<E, R>): Effect.fn.Return<State, E, R> {
  const databases = yield* rows(`SELECT name FROM system.databases WHERE name = '${database}'`)
  const found = yield* rows(
    `SELECT name, engine, engine_full, comment FROM system.tables WHERE database = '${database}' AND NOT is_temporary`
  )
  const tables = found.map((row) => ({
    name: String(row["name"]),
    engine: String(row["engine"]),
    engineFull: String(row["engine_full"]),
    comment: String(row["comment"])
  }))
  const told = tables.some(({ name }) => name === Schema.versionView)
    ? yield* rows(`SELECT version FROM ${database}.${Schema.versionView}`)
    : []
  return { hasDatabase: databases.length > 0, tables, version: Number(told[0]?.["version"] ?? 0) }
})

/** Why these tables may not be touched; undefined if they may. */
export const obstacle = ({ cluster, database }: Schema.Options, { tables, version }: State): string | undefined => {
  if (version > Schema.version) {
    return `the ClickHouse tables of ${database} are at version ${version}, this program knows ${Schema.version}: start a newer one`
  }
  const events = tables.find(({ name }) => name === "events")
  if (events === undefined || (events.engine === "Distributed") === (cluster !== undefined)) return undefined
  return cluster === undefined
    ? `CLICKHOUSE_CLUSTER is not set, but ClickHouse has the tables of ${database} on a cluster`
    : `CLICKHOUSE_CLUSTER=${cluster}, but ClickHouse has the tables of ${database} on a single node: unset it, or name another CLICKHOUSE_DATABASE`
}

/** What has to be run, in order. */
export const plan = (options: Schema.Options, { hasDatabase, tables, version }: State): ReadonlyArray<string> => {
  const there = new Set(tables.map(({ name }) => name))
  const isThere = (statement: string): boolean => {
    const { kind, name } = Statement.create(statement)
    const isCurrent = version === Schema.version
    // Of a cluster only one server's databases were looked at.
    return kind === "DATABASE"
      ? hasDatabase && (isCurrent || options.cluster === undefined)
      : isCurrent && there.has(name)
  }
  const stored = tables.find(({ name }) => name === Cluster.stored(options.cluster, "events"))
  return [
    ...Schema.statements(options).filter((statement) => !isThere(statement)),
    ...Schema.ttlStatements(options, stored?.engineFull ?? ""),
    ...(options.kafka === undefined
      ? KafkaTables.remove(options, tables)
      : KafkaTables.make(options, options.kafka, tables)),
    ...(version === Schema.version ? [] : [Schema.versionStatement(options)])
  ]
}

/** `serverUUID()` of an engine that is no server. */
const noServer = "00000000-0000-0000-0000-000000000000"

/** The embedded engine's Kafka reader knows no SCRAM, and would only say so in a system table. */
const checkMechanism = Effect.fnUntraced(function* <E, R>({ kafka }: Schema.Options, { rows }: Run<E, R>) {
  const mechanism = kafka?.security?.mechanism?.toUpperCase()
  if (mechanism === undefined || mechanism === "PLAIN") return
  const [server] = yield* rows("SELECT toString(serverUUID()) AS id")
  if (server?.["id"] !== noServer) return
  return yield* new SchemaRefused({
    message: `KAFKA_SASL_MECHANISM=${mechanism}: the embedded ClickHouse engine knows only PLAIN; set CLICKHOUSE_INGEST=sink, or CLICKHOUSE_URL to a ClickHouse server`
  })
})

/** Makes, completes or changes the schema, one statement after the other. The options must have no `problem`. */
export const migrate = Effect.fnUntraced(function* <E, R>(
  options: Schema.Options,
  run: Run<E, R>
): Effect.fn.Return<void, E | SchemaRefused, R> {
  const state = yield* look(options.database, run)
  const message = obstacle(options, state)
  if (message !== undefined) return yield* new SchemaRefused({ message })
  yield* checkMechanism(options, run)
  for (const statement of plan(options, state)) yield* run.command(statement)
})
