/**
 * ClickHouse's own reading of the log, watched: a view whose insert fails is tried again without end, and brokers that refuse
 * it are asked without end; both are told in a system table only (guides clickhouse 6).
 */
import * as Health from "@tributary/pipeline/service/Health"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { ClickHouseHttp } from "./ClickHouseHttp.ts"
import type { Place } from "./KafkaTables.ts"
import * as Statement from "./Statement.ts"

const failing = Metric.gauge("clickhouse_kafka_tables_failing", {
  description: "Kafka tables of ClickHouse that told of an error within the last minute"
})

export interface Failure {
  readonly table: string
  readonly text: string
}

/** Asks ClickHouse, whichever way it is reached. */
type Query<E> = (
  sql: string,
  parameters: Readonly<Record<string, string | number>>
) => Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>, E>

const failuresBy = <E>(query: Query<E>, { cluster, database }: Place, withinSeconds: number) => {
  const consumers =
    cluster === undefined
      ? "system.kafka_consumers"
      : `clusterAllReplicas('${Statement.escaped(cluster)}', system.kafka_consumers)`
  return query(
    `SELECT table, argMax(text, time) AS text FROM ${consumers}
     ARRAY JOIN exceptions.time AS time, exceptions.text AS text
     WHERE database = {database:String} AND time > now() - {seconds:UInt32} GROUP BY table ORDER BY table`,
    { database, seconds: withinSeconds }
  ).pipe(Effect.map((rows) => rows.map((row): Failure => ({ table: String(row["table"]), text: String(row["text"]) }))))
}

/** The last error of each Kafka table, of those that had one within so many seconds. */
export const failures = (place: Place, withinSeconds = 60) =>
  ClickHouseHttp.use(({ query }) => failuresBy(query, place, withinSeconds))

/** One line for operators: what fails, and what is to be done. */
const explain = (found: ReadonlyArray<Failure>): string =>
  `${found.map(({ table, text }) => `${table}: ${text.split("\n")[0]?.slice(0, 300)}`).join("; ")}. ` +
  "It tries again without end, and rows wait in Kafka until retention takes them: see that ClickHouse reaches " +
  "CLICKHOUSE_KAFKA_HOSTS, and that the views of these tables can insert"

/** Reads with "is away" and "is back". */
const engine = "ClickHouse's consumer of Kafka"

const look = Effect.fnUntraced(function* <E extends { readonly message: string }>(query: Query<E>, place: Place) {
  const health = yield* Health.Health
  const found = yield* failuresBy(query, place, 60).pipe(Health.untilBack<E>("ClickHouse", ({ message }) => message))
  yield* Metric.update(failing, found.length)
  yield* found.length === 0 ? health.up(engine) : health.down(engine, explain(found))
})

/**
 * A block with events of more months than this setting allows is refused, and read again for ever (guides clickhouse 1.7).
 * Only the server's profile `default` reaches Kafka tables; our own user's usually is that one.
 */
const limit = "max_partitions_per_insert_block"

/** Those of 1970 to 2148, within which all events lie. */
const months = 179 * 12

const warnOfLimit = <E extends { readonly message: string }>(query: Query<E>) =>
  query("SELECT value FROM system.settings WHERE name = {name:String}", { name: limit }).pipe(
    Effect.flatMap(([row]) => {
      const allowed = Number(row?.["value"] ?? 0)
      return allowed === 0 || allowed >= months
        ? Effect.void
        : Effect.logWarning(
            `ClickHouse's ${limit} is ${allowed}: a block of events of more months stops its reading of Kafka for good. ` +
              "Set it to 0 in the server's profile default (deploy/clickhouse/users.xml)"
          )
    }),
    Effect.catch(({ message }) => Effect.logInfo(`${limit} of ClickHouse is not checked: ${message.split("\n")[0]}`))
  )

/** Warns of a limit that would stop it, then looks every 15 s, for ever. While a table fails, readiness says why, and so does a line a minute. */
export const run = (place: Place): Effect.Effect<never, never, ClickHouseHttp | Health.Health> =>
  ClickHouseHttp.use(({ query }) => watch(query, place))

/** The same, for an engine that is asked by another way than HTTP. */
export const watch = <E extends { readonly message: string }>(
  query: Query<E>,
  place: Place
): Effect.Effect<never, never, Health.Health> =>
  Effect.andThen(warnOfLimit(query), Effect.forever(Effect.andThen(look(query, place), Effect.sleep("15 seconds"))))
