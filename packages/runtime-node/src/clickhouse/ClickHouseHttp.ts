/** ClickHouse over its HTTP protocol: `ClickHouseSink` for production, migrations, and queries for tools. */
import { Readable } from "node:stream"
import { finished } from "node:stream/promises"
import {
  ClickHouseLogLevel,
  type ClickHouseSettings,
  createClient,
  ClickHouseError as DriverError
} from "@clickhouse/client"
import { type ClickHouseError, ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Cluster from "./Cluster.ts"
import type { SchemaRefused } from "./Migrate.ts"
import * as Migrate from "./Migrate.ts"
import { classify } from "./Refusal.ts"
import type * as Schema from "./Schema.ts"

export interface Options {
  /** `http://host:8123`. */
  readonly url: string
  readonly username: string
  readonly password: Redacted.Redacted
  /** Connections at most. */
  readonly maxConnections?: number | undefined
}

export type Row = Readonly<Record<string, unknown>>

/** A connection to a server or cluster. Names of tables are to be written with their database. */
export class ClickHouseHttp extends Context.Service<
  ClickHouseHttp,
  {
    /** The rows of a query, whose `{name:Type}` are taken from `parameters`. Numbers of 64 bits come as texts. */
    readonly query: (
      sql: string,
      parameters?: Readonly<Record<string, unknown>>
    ) => Effect.Effect<ReadonlyArray<Row>, ClickHouseError>
    /** Runs a statement that gives no rows. */
    readonly command: (sql: string) => Effect.Effect<void, ClickHouseError>
    /** Inserts JSONEachRow as the bytes that they are. */
    readonly insert: (
      table: string,
      rows: Uint8Array,
      settings: ClickHouseSettings
    ) => Effect.Effect<void, ClickHouseError>
  }
>()("@tributary/runtime-node/ClickHouseHttp") {}

/** Of a refused connection the driver gives an error without a message, so its code stands in. */
const explain = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  return cause.message !== "" ? cause.message : "code" in cause ? String(cause.code) : cause.name
}

const toError = (cause: unknown): ClickHouseError =>
  cause instanceof DriverError ? classify(Number(cause.code), cause.message) : classify(0, explain(cause))

/** Connects when it is first used, so a server that is away does not stop the start. */
export const layer = (options: Options): Layer.Layer<ClickHouseHttp> =>
  Layer.effect(
    ClickHouseHttp,
    Effect.gen(function* () {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() =>
          createClient({
            url: options.url,
            username: options.username,
            password: Redacted.value(options.password),
            application: "tributary",
            max_open_connections: options.maxConnections ?? 12,
            request_timeout: 60_000,
            // What fails comes back as an error; the driver would print statements and rows.
            log: { level: ClickHouseLogLevel.OFF }
          })
        ),
        (client) => Effect.promise(() => client.close())
      )
      return ClickHouseHttp.of({
        query: (sql, parameters = {}) =>
          Effect.tryPromise({
            try: async (signal) => {
              const result = await client.query({
                query: sql,
                query_params: { ...parameters },
                format: "JSONEachRow",
                clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
                abort_signal: signal
              })
              return result.json<Row>()
            },
            catch: toError
          }),
        command: (sql) =>
          Effect.asVoid(Effect.tryPromise({ try: () => client.command({ query: sql }), catch: toError })),
        insert: (table, rows, settings) =>
          Effect.asVoid(
            Effect.tryPromise({
              // `insert` takes objects only in this format, and would write them as text again.
              try: async (signal) => {
                const { stream } = await client.exec({
                  query: `INSERT INTO ${table} FORMAT JSONEachRow`,
                  values: Readable.from([rows], { objectMode: false }),
                  clickhouse_settings: settings,
                  abort_signal: signal
                })
                await finished(stream.resume())
              },
              catch: toError
            })
          )
      })
    })
  )

/** Makes or completes the schema, once; Start.ts waits for a server that is away, too. */
export const migrate = (
  options: Schema.Options
): Effect.Effect<void, ClickHouseError | SchemaRefused, ClickHouseHttp> =>
  ClickHouseHttp.use(({ command, query }) => Migrate.migrate(options, { command, rows: query }))

/** The sink into the tables of a database, on a cluster or a single node, which `migrate` made. */
export const layerSink = (database: string, cluster?: string): Layer.Layer<ClickHouseSink, never, ClickHouseHttp> =>
  Layer.effect(
    ClickHouseSink,
    ClickHouseHttp.use(({ insert }) =>
      Effect.succeed(
        ClickHouseSink.of({
          insert: ({ rows, table, token }) =>
            insert(`${database}.${Cluster.writable(cluster, table)}`, rows, {
              insert_deduplication_token: token,
              // An answer shall mean that the rows are in; servers since 26.2 would gather them first.
              async_insert: 0,
              // Through a Distributed table they would be on their way only.
              distributed_foreground_insert: 1,
              // One batch of a backfill may hold any number of months; the server's limit would refuse it for ever.
              max_partitions_per_insert_block: "0",
              // Servers before 26.2 would pass a repeated insert on to the overrides.
              deduplicate_blocks_in_dependent_materialized_views: 1,
              date_time_input_format: "best_effort",
              input_format_skip_unknown_fields: 1
            })
        })
      )
    )
  )
