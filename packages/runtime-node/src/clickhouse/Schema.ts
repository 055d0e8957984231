/**
 * ClickHouse's tables and views (spec worker 5), as statements to run in order. `schema.sql` serves every way of running;
 * `kafka.sql` is added where ClickHouse reads the log by itself. All statements can be repeated: running them again on a
 * schema that is there takes milliseconds and changes nothing.
 */
import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"

export interface KafkaTables {
  /** Brokers as ClickHouse sees them, a comma list. */
  readonly brokers: string
  /** Before every topic's name. */
  readonly topicPrefix: string
  /** Before the topic's name in the name of the consumer group. */
  readonly groupPrefix: string
}

export interface Options {
  /** An identifier: letters, digits and underscores. */
  readonly database: string
  /** Days after its time at which an event goes; undefined = kept. */
  readonly eventsTtlDays?: number | undefined
  /** Present: the Kafka tables are made too. */
  readonly kafka?: KafkaTables | undefined
}

/** Later than 2149-06-06 a sum of dates wraps; 2100-01-01 plus so many days does not reach it (guides clickhouse 3). */
export const maxTtlDays = 17_000

/** What is wrong with these options, as one line for people; undefined if nothing. */
export const problem = ({ database, eventsTtlDays }: Options): string | undefined => {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(database)) {
    return `CLICKHOUSE_DATABASE is ${JSON.stringify(database)}; it must be letters, digits and underscores, at most 64`
  }
  if (
    eventsTtlDays !== undefined &&
    !(Number.isInteger(eventsTtlDays) && eventsTtlDays > 0 && eventsTtlDays <= maxTtlDays)
  ) {
    return `EVENTS_TTL_DAYS is ${eventsTtlDays}; it must be a whole number from 1 to ${maxTtlDays}, or unset`
  }
  return undefined
}

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), "utf8")

/** A statement ends with a semicolon at the end of a line, and has none inside. */
export const split = (sql: string): ReadonlyArray<string> =>
  sql
    .replaceAll(/^--.*$/gm, "")
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "")

const literal = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")

/** The statements that make the schema, in order. The options must have no `problem`. */
export const statements = ({ database, kafka }: Options): ReadonlyArray<string> => {
  const named = (sql: string) =>
    sql.replaceAll("tributary.", `${database}.`).replaceAll("IF NOT EXISTS tributary", `IF NOT EXISTS ${database}`)
  const tables = split(named(read("./schema.sql")))
  if (kafka === undefined) return tables
  const sql = named(read("./kafka.sql"))
    .replaceAll("{{brokers}}", () => literal(kafka.brokers))
    .replaceAll("{{topic_prefix}}", () => literal(kafka.topicPrefix))
    .replaceAll("{{group_prefix}}", () => literal(kafka.groupPrefix))
  return [...tables, ...split(sql)]
}

const ttl = (days: number) => `least(toDate(timestamp), toDate('2100-01-01')) + toIntervalDay(${days})`

/** The statements that bring the events' time to live from what `engine` (`system.tables.engine_full`) has to `days`. */
export const ttlStatements = (database: string, engine: string, days: number | undefined): ReadonlyArray<string> => {
  const has = / TTL (.*?) SETTINGS /.exec(engine)?.[1]
  const want = days === undefined ? undefined : ttl(days)
  if (has === want) return []
  return [`ALTER TABLE ${database}.events ${want === undefined ? "REMOVE TTL" : `MODIFY TTL ${want}`}`]
}

/** Makes or completes the schema, one statement after the other. */
export const migrate = Effect.fnUntraced(function* <E, R>(
  options: Options,
  run: (sql: string) => Effect.Effect<unknown, E, R>,
  rows: (sql: string) => Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>, E, R>
): Effect.fn.Return<void, E, R> {
  for (const statement of statements(options)) yield* run(statement)
  const { database, eventsTtlDays } = options
  const [events] = yield* rows(
    `SELECT engine_full FROM system.tables WHERE database = '${database}' AND name = 'events' LIMIT 1`
  )
  for (const statement of ttlStatements(database, String(events?.["engine_full"]), eventsTtlDays)) yield* run(statement)
})
