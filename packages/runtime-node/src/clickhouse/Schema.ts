/**
 * ClickHouse's tables and views (spec worker 5), as statements to run in order. `schema.sql` serves every way of running;
 * KafkaTables.ts adds what ClickHouse needs to read the log by itself, Cluster.ts spreads it all over a cluster.
 */
import { readFileSync } from "node:fs"
import * as Cluster from "./Cluster.ts"
import type * as KafkaTables from "./KafkaTables.ts"
import * as Statement from "./Statement.ts"

export interface Options {
  /** An identifier: letters, digits and underscores. */
  readonly database: string
  /** Name of the cluster that the tables are spread over; undefined = a single node. */
  readonly cluster?: string | undefined
  /** Days after its time at which an event goes; undefined = kept. */
  readonly eventsTtlDays?: number | undefined
  /** Present: ClickHouse reads the log by itself. Absent: it does not, and ceases to if it did. */
  readonly kafka?: KafkaTables.Options | undefined
}

/** To be raised with every change of `schema.sql` or `kafka.sql`. */
export const version = 1

/** The view that tells the version of the tables that are there. */
export const versionView = "schema_version"

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

const file = new URL("./schema.sql", import.meta.url)

/** The statements that make database, tables and views, in order; all can be repeated. The options must have no `problem`. */
export const statements = ({ cluster, database }: Options): ReadonlyArray<string> => {
  const named = readFileSync(file, "utf8")
    .replaceAll("tributary.", `${database}.`)
    .replaceAll("IF NOT EXISTS tributary", `IF NOT EXISTS ${database}`)
  const single = Statement.split(named)
  return cluster === undefined
    ? single
    : single.flatMap((statement) => Cluster.distribute({ cluster, database }, statement))
}

/** The last statement: from then on the tables are of this version. */
export const versionStatement = ({ cluster, database }: Options): string =>
  `CREATE OR REPLACE VIEW ${database}.${versionView}${Cluster.onCluster(cluster)} AS SELECT ${version} AS version`

const ttl = (days: number) => `least(toDate(timestamp), toDate('2100-01-01')) + toIntervalDay(${days})`

/** The statements that bring the events' time to live from what `engine` (`system.tables.engine_full`) has to what is wanted. */
export const ttlStatements = ({ cluster, database, eventsTtlDays }: Options, engine: string): ReadonlyArray<string> => {
  const has = / TTL (.*?) SETTINGS /.exec(engine)?.[1]
  const want = eventsTtlDays === undefined ? undefined : ttl(eventsTtlDays)
  if (has === want) return []
  const table = `${database}.${Cluster.stored(cluster, "events")}${Cluster.onCluster(cluster)}`
  return [`ALTER TABLE ${table} ${want === undefined ? "REMOVE TTL" : `MODIFY TTL ${want}`}`]
}
