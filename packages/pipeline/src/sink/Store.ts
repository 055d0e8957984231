/**
 * Puts messages into their table, and those that the table refuses into `kafka_errors`. Ends when everything is
 * acknowledged: while ClickHouse is away the same insert is tried again without end (spec worker 5.10, 6.1).
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { type ClickHouseError, ClickHouseSink, type InsertRequest } from "../service/ClickHouseSink.ts"
import * as Health from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import * as Span from "../service/Span.ts"
import * as Piece from "./Piece.ts"
import * as Splice from "./Splice.ts"
import * as Tables from "./Tables.ts"

const inserted = Metric.counter("sink_rows_total", { description: "Rows inserted into ClickHouse", incremental: true })
const refused = Metric.counter("sink_refused_messages_total", {
  description: "Messages kept in kafka_errors instead of their table",
  incremental: true
})

export interface Source {
  readonly target: Tables.Target
  /** The topic as the log knows it, with its prefix. */
  readonly topic: string
  readonly topicId: (partition: number) => string | undefined
}

const insert = (request: InsertRequest) =>
  ClickHouseSink.use((sink) => sink.insert(request)).pipe(
    Health.retryWhileAway<ClickHouseError>(
      "ClickHouse",
      ({ reason }) => reason === "Unavailable",
      ({ message }) => message
    )
  )

/** Inserts a piece; one that holds a refused row is halved until that row stands alone. Answers the refused ones. */
const insertPiece = (
  source: Source,
  piece: Piece.Piece,
  now: number
): Effect.Effect<ReadonlyArray<Splice.Broken>, never, ClickHouseSink | Health.Health> => {
  const [only, another] = piece.rows
  if (only === undefined) return Effect.succeed([])
  return insert({
    table: source.target.table,
    rows: Splice.rows(source.target, piece.rows, now),
    count: piece.rows.length,
    token: Piece.token(source.topic, source.topicId, piece)
  }).pipe(
    Effect.as<ReadonlyArray<Splice.Broken>>([]),
    Effect.catch((error) => {
      if (another === undefined) return Effect.succeed([{ record: only, error: error.message.slice(0, 10_000) }])
      const [front, back] = Piece.halve(piece)
      return Effect.zipWith(insertPiece(source, front, now), insertPiece(source, back, now), (a, b) => [...a, ...b])
    })
  )
}

/** Keeps broken messages. A table of texts refuses none of them. */
const keepBroken = (source: Source, broken: ReadonlyArray<Splice.Broken>, now: number) => {
  const piece = Piece.make(broken.map(({ record }) => record))
  return insert({
    table: Tables.errors,
    rows: Splice.errorRows(broken, now),
    count: broken.length,
    token: Piece.token(source.topic, source.topicId, piece)
  }).pipe(
    Effect.orDie,
    Effect.andThen(
      Effect.logWarning("messages that their table does not take are kept in kafka_errors", {
        table: source.target.table,
        messages: broken.length
      })
    )
  )
}

/**
 * Stores these records. `bounds`: the range that they are, if it was begun under these bounds; else tokens are made of
 * the rows' own places.
 */
export const store = (
  source: Source,
  records: ReadonlyArray<LogRecord>,
  bounds?: Piece.Bounds
): Effect.Effect<void, never, ClickHouseSink | Health.Health> =>
  storing(source, records, bounds).pipe(
    Span.within("Sink.store", { table: source.target.table, messages: records.length })
  )

const storing = Effect.fnUntraced(function* (
  source: Source,
  records: ReadonlyArray<LogRecord>,
  bounds: Piece.Bounds | undefined
): Effect.fn.Return<void, never, ClickHouseSink | Health.Health> {
  const now = yield* Clock.currentTimeMillis
  const { rows, broken } = Splice.split(source.target, records)
  const piece = bounds === undefined ? Piece.make(rows) : { rows, bounds: [bounds] }
  const refusals = yield* insertPiece(source, piece, now)
  const all = [...broken, ...refusals]
  if (all.length > 0) yield* keepBroken(source, all, now)
  const attributes = { table: source.target.table }
  yield* Metric.update(Metric.withAttributes(inserted, attributes), rows.length - refusals.length)
  // Also none: a counter that is not there yet has not risen when it first is.
  yield* Metric.update(Metric.withAttributes(refused, attributes), all.length)
})
