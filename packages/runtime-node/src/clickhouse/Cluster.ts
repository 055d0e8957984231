/**
 * The schema of a cluster (`CLICKHOUSE_CLUSTER`), made of that of a single node: every statement runs `ON CLUSTER`, each
 * table becomes a replicated one on every shard, called `sharded_…`, behind a Distributed one that has the table's own name
 * (spec worker 5.3). Views and readers see no difference.
 *
 * Servers need the macros `shard` and `replica`, and `internal_replication` in the cluster's definition.
 */
import * as Statement from "./Statement.ts"

/**
 * What says on which shard a row lies. Rows that collapse or add up share their sort key, so each of these is made of
 * columns of that key: all copies meet on one shard. Events and the overrides of their persons have the same one, so that
 * they can be joined shard by shard.
 */
const shardingKeys: ReadonlyMap<string, string> = new Map([
  ["events", "sipHash64(distinct_id)"],
  ["person", "sipHash64(id)"],
  ["person_distinct_id2", "sipHash64(distinct_id)"],
  ["person_distinct_id_overrides", "sipHash64(distinct_id)"],
  ["groups", "sipHash64(group_key)"],
  ["ingestion_warnings", "sipHash64(_partition, _offset)"],
  ["app_metrics2", "sipHash64(team_id, app_source_id, instance_id)"],
  ["log_entries", "sipHash64(team_id, log_source_id, instance_id)"],
  ["heatmaps", "sipHash64(_partition, _offset)"],
  ["dead_letters", "sipHash64(partition, offset)"],
  ["kafka_errors", "sipHash64(partition, offset)"]
])

/** Tables with materialised columns. Rows go in through a Distributed table without them: the shards work them out. */
const computed: ReadonlySet<string> = new Set(["events", "ingestion_warnings"])

/** Where rows of a table are inserted. */
export const writable = (cluster: string | undefined, table: string): string =>
  cluster !== undefined && computed.has(table) ? `writable_${table}` : table

/** Where rows of a table lie. */
export const stored = (cluster: string | undefined, table: string): string =>
  cluster !== undefined && shardingKeys.has(table) ? `sharded_${table}` : table

/** `ON CLUSTER …` where there is one, with a space before it. */
export const onCluster = (cluster: string | undefined): string =>
  cluster === undefined ? "" : ` ON CLUSTER '${Statement.escaped(cluster)}'`

/** Statements for the cluster that do what one does on a single node. */
export const distribute = (
  { cluster, database }: { readonly cluster: string; readonly database: string },
  statement: string
): ReadonlyArray<string> => {
  const { kind, name, rest, verb } = Statement.create(statement)
  const on = onCluster(cluster)
  const key = kind === "TABLE" ? shardingKeys.get(name) : undefined
  if (key !== undefined) return sharded(cluster, database, { key, name, rest, verb })
  if (kind === "DATABASE") return [`${verb} ${name}${on}${rest}`]
  if (kind !== "MATERIALIZED VIEW") return [`${verb} ${database}.${name}${on}${rest}`]
  return [`${verb} ${database}.${name}${on}${redirected(cluster, database, rest)}`]
}

interface Sharded {
  readonly key: string
  readonly name: string
  readonly rest: string
  readonly verb: string
}

const sharded = (cluster: string, database: string, { key, name, rest, verb }: Sharded): ReadonlyArray<string> => {
  const on = onCluster(cluster)
  const local = stored(cluster, name)
  const replica = `'/clickhouse/tables/{shard}/${database}/${name}', '{replica}'`
  const replicated = rest
    .replace(/ENGINE = (\w+)\(/, (_, engine) => `ENGINE = Replicated${engine}(${replica}, `)
    .replace(/ENGINE = (\w*MergeTree)\n/, (_, engine) => `ENGINE = Replicated${engine}(${replica})\n`)
    .replace(
      "non_replicated_deduplication_window = 1000",
      "replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800"
    )
  // What is accepted here and not yet on its shard must outlive a loss of power.
  const distributed = `ENGINE = Distributed('${Statement.escaped(cluster)}', '${database}', '${local}', ${key})
SETTINGS fsync_after_insert = 1, fsync_directories = 1`
  const made = [
    `${verb} ${database}.${local}${on}${replicated}`,
    `${verb} ${database}.${name}${on} AS ${database}.${local} ${distributed}`
  ]
  if (!computed.has(name)) return made
  const columns = Statement.table(rest).definitions.filter(
    (definition) => !definition.startsWith("INDEX ") && !/\sMATERIALIZED\s/.test(definition)
  )
  const bare = columns.map((column) => `  ${column.replace(/ CODEC\(.*\)$/, "")}`).join(",\n")
  return [...made, `${verb} ${database}.${writable(cluster, name)}${on} (\n${bare}\n) ${distributed}`]
}

/**
 * A view that passes rows on: from a table of the shard to a table of the same shard, where both have the same sharding
 * key; from a table that is not sharded, to all shards.
 */
const redirected = (cluster: string, database: string, rest: string): string => {
  const source = new RegExp(`^FROM ${database}\\.(\\w+)`, "m").exec(rest)?.[1] ?? ""
  const isLocal = shardingKeys.has(source)
  return rest
    .replace(new RegExp(`^ TO ${database}\\.(\\w+)`), (_, target: string) => {
      return ` TO ${database}.${isLocal ? stored(cluster, target) : writable(cluster, target)}`
    })
    .replace(new RegExp(`^FROM ${database}\\.(\\w+)`, "m"), (_, from: string) => {
      return `FROM ${database}.${isLocal ? stored(cluster, from) : from}`
    })
}
