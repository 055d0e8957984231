/**
 * How the `clickhouse_*` topics get into ClickHouse's tables (`CLICKHOUSE_INGEST`): ClickHouse reads them by itself, or the
 * sink inserts them. Both have the same consumer groups, so that a start with the other setting goes on where the first was.
 */
import type { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { Health } from "@tributary/pipeline/service/Health"
import type { Progress } from "@tributary/pipeline/service/Progress"
import * as Sink from "@tributary/pipeline/sink/Sink"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClickHouseHttp } from "./ClickHouseHttp.ts"
import type * as KafkaTables from "./KafkaTables.ts"
import * as KafkaWatch from "./KafkaWatch.ts"
import type { SchemaRefused } from "./Migrate.ts"
import * as Start from "./Start.ts"

export interface Options extends Omit<Start.Options, "kafka"> {
  readonly ingest: "sink" | "kafka-engine"
  /** Also where the sink reads: prefixes of topics and groups. */
  readonly kafka: KafkaTables.Options
}

/**
 * Migrates, then fills the tables or watches ClickHouse fill them, for as long as the scope is open. To be run beside the
 * rest of a program, which need not wait for ClickHouse; fails when the schema is refused.
 */
export const run = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<
  never,
  SchemaRefused,
  ClickHouseHttp | ClickHouseSink | EventLog | Progress | Health | Scope.Scope
> {
  const { ingest, kafka, ...schema } = options
  if (ingest === "kafka-engine") {
    yield* Start.migrate({ ...schema, kafka })
    return yield* KafkaWatch.run(options)
  }
  yield* Start.migrate(schema)
  yield* Sink.run(kafka)
  return yield* Effect.never
})
