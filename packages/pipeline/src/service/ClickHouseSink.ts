import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * An insert did not happen. `RowRefused`: a row is not what the table takes; halve, and put the offender aside.
 * `Unavailable`: anything else; the same rows with the same token again, later.
 */
export class ClickHouseError extends Schema.TaggedError<ClickHouseError>()("ClickHouseError", {
  reason: Schema.Literals(["RowRefused", "Unavailable"]),
  /** ClickHouse's number, 0 where there is none. */
  code: Schema.Int,
  message: Schema.String
}) {}

export interface InsertRequest {
  /** Without the database. */
  readonly table: string
  /** JSONEachRow: one JSON object a line, UTF-8, each line ended. */
  readonly rows: Uint8Array
  readonly count: number
  /** Two inserts of one token into one table count once, whatever they hold. */
  readonly token: string
}

/** ClickHouse as the sink needs it: tables that exist, and inserts that count once per token. */
export class ClickHouseSink extends Context.Service<
  ClickHouseSink,
  { readonly insert: (request: InsertRequest) => Effect.Effect<void, ClickHouseError> }
>()("@tributary/pipeline/ClickHouseSink") {}
