/** `ClickHouseSink` on the engine in this process: rows go in as the bytes that they are. */
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import * as Migrate from "@tributary/runtime-node/clickhouse/Migrate"
import { classify } from "@tributary/runtime-node/clickhouse/Refusal"
import type * as Schema from "@tributary/runtime-node/clickhouse/Schema"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Engine } from "./Engine.ts"
import * as Query from "./Query.ts"

/** Brings the engine's tables up to date; what cannot be done ends the start. */
export const migrate = Effect.fnUntraced(function* (options: Pick<Schema.Options, "eventsTtlDays" | "kafka"> = {}) {
  const engine = yield* Engine
  const run = { command: engine.write, rows: (sql: string) => Query.rows(engine, sql) }
  yield* Migrate.migrate({ database: engine.database, ...options }, run)
})

/** The sink over the engine. The tables are made first. */
export const layer = (options: Pick<Schema.Options, "eventsTtlDays" | "kafka"> = {}) =>
  Layer.effect(
    ClickHouseSink,
    Effect.gen(function* () {
      const engine = yield* Engine
      yield* migrate(options)
      return ClickHouseSink.of({
        insert: ({ table, rows, token }) =>
          engine
            .insert({
              table: `${engine.database}.${table}`,
              format: "JSONEachRow",
              values: rows,
              settings: {
                async_insert: 0,
                max_partitions_per_insert_block: 0,
                insert_deduplication_token: token,
                date_time_input_format: "best_effort"
              }
            })
            .pipe(
              Effect.asVoid,
              Effect.mapError(({ code, message }) => classify(code, message))
            )
      })
    })
  )
