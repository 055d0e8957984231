/**
 * One append to the log's tables: any number of messages of any topics, all or none (guides postgres 9).
 *
 * All bytes travel in one parameter that the server cuts up again: the driver copies it once, where an array of bytes grows
 * step by step, and that costs the client a fifth to a third more, collections of garbage included.
 */
import * as PgTypes from "@effect/sql-pg/PgTypes"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import * as SqlFailure from "@tributary/runtime-node/postgres/SqlFailure"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SqlError from "effect/sql/SqlError"
import { LogDatabase } from "./LogDatabase.ts"
import * as LogHeaders from "./LogHeaders.ts"
import { type Head, LogHeads } from "./LogHeads.ts"

/** A topic that was there is not there any more: the tables are others than they were. Nothing was appended. */
export class HeadMissing extends Data.TaggedError("HeadMissing") {}

/**
 * $1 topics, $2 partitions, $3 where each message begins in $7, from 1, $4–$6 lengths of key, value and headers, -1 for
 * null. The heads are locked in one order by everyone, and held until the commit. Messages are a microsecond apart, so that
 * readers can tell their order across partitions.
 */
const statement = `
WITH x AS (SELECT u.topic, u.part, u.ord,
                  CASE WHEN klen >= 0 THEN substring($7::bytea FROM pos FOR klen) END AS key,
                  substring($7::bytea FROM pos + greatest(klen, 0) FOR vlen) AS value,
                  CASE WHEN hlen >= 0 THEN substring($7::bytea FROM pos + greatest(klen, 0) + vlen FOR hlen) END AS headers
           FROM unnest($1::text[], $2::int[], $3::int[], $4::int[], $5::int[], $6::int[])
                WITH ORDINALITY AS u(topic, part, pos, klen, vlen, hlen, ord)),
     c AS (SELECT topic, part, count(*) AS n FROM unnest($1::text[], $2::int[]) AS u(topic, part) GROUP BY topic, part),
     l AS (SELECT h.topic, h.part FROM tributary_log_head h JOIN c USING (topic, part)
           ORDER BY h.topic COLLATE "C", h.part FOR UPDATE OF h),
     h AS (UPDATE tributary_log_head h SET next = h.next + c.n FROM c
           WHERE h.topic = c.topic AND h.part = c.part
             AND EXISTS (SELECT 1 FROM l WHERE l.topic = h.topic AND l.part = h.part)
           RETURNING h.topic, h.part, h.next, h.next - c.n AS base),
     i AS (INSERT INTO tributary_log_msg (topic, part, off, key, value, headers, at)
           SELECT x.topic, x.part, h.base + row_number() OVER (PARTITION BY x.topic, x.part ORDER BY x.ord) - 1,
                  x.key, x.value, x.headers, now() + x.ord * interval '1 microsecond'
           FROM x JOIN h USING (topic, part)
           RETURNING topic, part, at)
SELECT (SELECT count(*) FROM i)::int AS stored, topics, parts, nexts,
       (SELECT max(at)::text FROM i WHERE topic = topics[1] AND part = parts[1]) AS at
FROM (SELECT array_agg(topic) AS topics, array_agg(part) AS parts, array_agg(next) AS nexts FROM h) AS h`

interface Answer {
  readonly stored: number
  /** Of each partition that grew: its topic, its number, and the offset of the next message. */
  readonly topics: ReadonlyArray<string> | null
  readonly parts: ReadonlyArray<number>
  readonly nexts: ReadonlyArray<bigint>
  /** What the last message of the first of them says of its time. */
  readonly at: string
}

/**
 * Appends messages in their order, whose topics may have to be made first. It fails only when nothing was appended: where
 * the answer to the COMMIT is lost, it looks for what it appended until it is told.
 */
export type Append = (messages: ReadonlyArray<LogMessage>) => Effect.Effect<void, SqlError.SqlError | HeadMissing>

/** The appends of one value must not overlap: they share a buffer. */
export const make: Effect.Effect<Append, never, LogDatabase | LogHeads> = Effect.gen(function* () {
  const sql = yield* LogDatabase
  const heads = yield* LogHeads
  const pack = makePacker(heads.ends)

  return Effect.fnUntraced(function* (messages) {
    yield* heads.ensure(messages.map(({ topic }) => topic))
    const parameters = pack(messages)
    let answer: Answer | undefined
    const transaction = sql.withTransaction(
      Effect.gen(function* () {
        const [row] = yield* sql.unsafe<Answer>(statement, parameters)
        if (row === undefined || row.stored < messages.length) return yield* new HeadMissing()
        answer = row
      })
    )
    yield* SqlFailure.typed(transaction).pipe(
      Effect.catchIf(SqlError.isSqlError, (error) =>
        answer === undefined
          ? Effect.fail(error)
          : Effect.flatMap(isThere(sql, answer), (was) => (was ? Effect.void : Effect.fail(error)))
      )
    )
    if (answer !== undefined) heads.raise(movedHeads(answer))
  })
})

const movedHeads = ({ nexts, parts, topics }: Answer): ReadonlyArray<Head> =>
  (topics ?? []).map((topic, i) => ({ topic, part: parts[i]!, next: nexts[i]! }))

/** Waits for whoever holds the head: a lost transaction that is at work still. */
const passHead = "SELECT FROM tributary_log_head WHERE topic = $1 AND part = $2 FOR UPDATE"

/** An offset that was lost may be another message's by now, but that began later. */
const findMessage = `
SELECT FROM tributary_log_msg WHERE topic = $1 AND part = $2 AND off = $3 AND at = $4::text::timestamptz`

/**
 * Whether a transaction whose end was not heard of was committed; asks until there is an answer.
 *
 * Its last message tells, not its number (`pg_xact_status`): a server that was killed gives the numbers of what it lost to
 * others, and the lost append would look committed as soon as one of those is.
 */
const isThere = Effect.fnUntraced(function* (
  sql: LogDatabase["Service"],
  { at, nexts: [next = 0n], parts: [part], topics }: Answer
) {
  const place = [topics?.[0], part]
  const look = Effect.andThen(sql.unsafe(passHead, place), sql.unsafe(findMessage, [...place, next - 1n, at]))
  for (let pauseMs = 20; ; pauseMs = Math.min(1_000, 2 * pauseMs)) {
    const found = yield* Effect.result(look)
    if (Result.isSuccess(found)) return found.success.length > 0
    yield* Effect.sleep(pauseMs)
  }
})

/** UTF-8 takes three bytes at most for a UTF-16 unit. */
const mostBytes = (part: string | Uint8Array | null): number =>
  part === null ? 0 : typeof part === "string" ? 3 * part.length : part.length

/** Larger buffers than this are not kept: they were for a single huge message. */
const keptBytes = 16 * 1024 * 1024

const makePacker = (endsOf: LogHeads["Service"]["ends"]) => {
  let buffer = Buffer.allocUnsafeSlow(1024 * 1024)
  let appends = 0

  return (messages: ReadonlyArray<LogMessage>): ReadonlyArray<unknown> => {
    const count = messages.length
    const topics = new Array<string>(count)
    const parts = new Array<number>(count)
    const starts = new Array<number>(count)
    const keys = new Array<number>(count)
    const values = new Array<number>(count)
    const headers = new Array<number>(count)
    let size = 0
    if (buffer.length > keptBytes) buffer = Buffer.allocUnsafeSlow(1024 * 1024)

    const write = (part: string | Uint8Array): number => {
      if (typeof part === "string") return buffer.write(part, size)
      buffer.set(part, size)
      return part.length
    }

    appends++
    for (let i = 0; i < count; i++) {
      const message = messages[i]!
      const header = LogHeaders.encode(message.headers)
      const most = size + mostBytes(message.key) + mostBytes(message.value) + mostBytes(header)
      if (most > buffer.length) {
        const grown = Buffer.allocUnsafeSlow(Math.max(most, 2 * buffer.length))
        buffer.copy(grown, 0, 0, size)
        buffer = grown
      }
      // Heads of all topics were ensured before.
      const partitions = endsOf(message.topic)?.length ?? 1
      topics[i] = message.topic
      starts[i] = size + 1
      if (message.key === null) {
        keys[i] = -1
        // One partition for all of an append.
        parts[i] = appends % partitions
      } else {
        const length = write(message.key)
        keys[i] = length
        parts[i] = partitionOf(buffer.subarray(size, size + length), partitions)
        size += length
      }
      const length = write(message.value)
      values[i] = length
      size += length
      if (header === null) headers[i] = -1
      else {
        headers[i] = write(header)
        size += headers[i]!
      }
    }
    return [
      arrayOf(PgTypes.OID.text, topics),
      arrayOf(PgTypes.OID.int4, parts),
      arrayOf(PgTypes.OID.int4, starts),
      arrayOf(PgTypes.OID.int4, keys),
      arrayOf(PgTypes.OID.int4, values),
      arrayOf(PgTypes.OID.int4, headers),
      buffer.subarray(0, size)
    ]
  }
}

const arrayOf = (oid: number, values: ReadonlyArray<unknown>) => Result.getOrThrow(PgTypes.array(values, oid))
