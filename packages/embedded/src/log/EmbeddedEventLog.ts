/**
 * `EventLog` over the log's tables. A group has one subscription, in one process, and it gets all partitions of its topics.
 */
import type { Position } from "@tributary/domain/event/Position"
import {
  type Assignment,
  EventLog,
  EventLogError,
  type Polled,
  type SubscribeOptions,
  type Subscription
} from "@tributary/pipeline/service/EventLog"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as SqlError from "effect/sql/SqlError"
import { LogDatabase } from "./LogDatabase.ts"
import * as LogGroups from "./LogGroups.ts"
import * as LogHeaders from "./LogHeaders.ts"
import { LogHeads } from "./LogHeads.ts"

/**
 * $1 topics, $2 partitions, $3 first offsets, $4 messages of each at most, $5 bytes of all, but always one message. `ord`
 * is the place of the partition in these lists, from 1. By time, but within a partition in log order, whatever the clock did.
 */
const readStatement = `
SELECT ord, off, key, value, headers, at FROM (
  SELECT p.ord::int, m.*, sum(octet_length(m.value)) OVER w AS bytes, row_number() OVER w AS n,
         max(m.at) OVER (PARTITION BY p.ord ORDER BY m.off) AS reached
  FROM unnest($1::text[], $2::int[], $3::bigint[], $4::int[]) WITH ORDINALITY AS p(topic, part, first, most, ord)
  CROSS JOIN LATERAL (
    SELECT m.off, m.key, m.value, m.headers, m.at FROM tributary_log_msg m
    WHERE m.topic = p.topic AND m.part = p.part AND m.off >= p.first ORDER BY m.off LIMIT p.most
  ) AS m
  WINDOW w AS (ORDER BY p.ord, m.off)
) AS m
WHERE bytes <= $5 OR n = 1 ORDER BY reached, ord, off`

interface Row {
  readonly ord: number
  readonly off: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  readonly headers: Uint8Array | null
  readonly at: Date
}

/**
 * `begin`: offset of the first message, or of the next one where there is none. `first`: where reading begins; a commit
 * outside of what the log holds counts as the nearest end.
 */
const assignStatement = `
SELECT h.topic, h.part, h.topic_id, b.begin, o.off AS committed, least(greatest(o.off, b.begin), h.next) AS first
FROM tributary_log_head h
CROSS JOIN LATERAL (SELECT coalesce((SELECT m.off FROM tributary_log_msg m WHERE m.topic = h.topic AND m.part = h.part
                                     ORDER BY m.off LIMIT 1), h.next) AS begin) AS b
LEFT JOIN tributary_log_offset o ON o.grp = $1 AND o.topic = h.topic AND o.part = h.part
WHERE h.topic = ANY($2::text[]) ORDER BY h.topic, h.part`

interface AssignRow {
  readonly topic: string
  readonly part: number
  readonly topic_id: string
  readonly begin: bigint
  readonly committed: bigint | null
  readonly first: bigint
}

const endStatement = "SELECT next FROM tributary_log_head WHERE topic = $1 AND part = $2"

const commitStatement = `
INSERT INTO tributary_log_offset
SELECT $1, t, p, max(o) FROM unnest($2::text[], $3::int[], $4::bigint[]) AS x(t, p, o) GROUP BY t, p ORDER BY t, p
ON CONFLICT (grp, topic, part) DO UPDATE SET off = greatest(tributary_log_offset.off, excluded.off)`

interface Reading {
  readonly topic: string
  readonly partition: number
  /** Offset of the next message. */
  next: bigint
}

export const layer: Layer.Layer<EventLog, never, LogDatabase | LogHeads> = Layer.effect(
  EventLog,
  Effect.gen(function* () {
    const sql = yield* LogDatabase
    const heads = yield* LogHeads
    /** Groups with a subscription. */
    const taken = new Set<string>()

    const failing =
      (operation: string) =>
      <A, R>(self: Effect.Effect<A, SqlError.SqlError, R>) =>
        Effect.mapError(self, (cause) => new EventLogError({ operation, cause }))

    const end = (topic: string, partition: number): Assignment["end"] =>
      sql.unsafe<{ readonly next: bigint }>(endStatement, [topic, partition]).pipe(
        Effect.map(([row]) => row?.next ?? 0n),
        failing("end")
      )

    const assignment = ({ begin, committed, part, topic, topic_id }: AssignRow): Assignment => ({
      topic,
      partition: part,
      topicId: topic_id,
      begin,
      end: end(topic, part),
      committed: committed ?? undefined
    })

    const available = ({ next, partition, topic }: Reading): number => {
      const ends = heads.ends(topic)?.[partition] ?? next
      return ends > next ? Number(ends - next) : 0
    }

    const read = Effect.fnUntraced(function* (readings: Array<Reading>, options: SubscribeOptions) {
      const ready = readings.filter((reading) => available(reading) > 0)
      const ends = ready.map((reading) => reading.next + BigInt(available(reading)))
      const rows = yield* sql.unsafe<Row>(readStatement, [
        ready.map(({ topic }) => topic),
        ready.map(({ partition }) => partition),
        ready.map(({ next }) => next),
        shares(ready.map(available), options.maxMessages),
        BigInt(options.maxBytes)
      ])
      // Nothing where something was: retention took it.
      if (rows.length === 0) for (const [i, reading] of ready.entries()) reading.next = ends[i]!
      const records = rows.map((row): LogRecord => {
        const reading = ready[row.ord - 1]!
        reading.next = row.off + 1n
        return {
          topic: reading.topic,
          partition: reading.partition,
          offset: row.off,
          key: row.key,
          value: row.value,
          headers: LogHeaders.decode(row.headers),
          timestamp: row.at.getTime()
        }
      })
      // Another one comes first next time, so that none is last for ever when bytes are what ends a batch.
      const first = readings.shift()
      if (first !== undefined) readings.push(first)
      return records
    })

    const subscribe = Effect.fnUntraced(function* (options: SubscribeOptions) {
      const { group, topics } = options
      yield* Effect.acquireRelease(
        Effect.suspend(() => {
          if (taken.has(group)) {
            return Effect.fail(new EventLogError({ operation: "subscribe", cause: `${group} reads already` }))
          }
          return Effect.succeed(taken.add(group))
        }),
        () => Effect.sync(() => taken.delete(group))
      )
      yield* failing("subscribe")(Effect.andThen(heads.ensure(topics), LogGroups.begin(sql, group, topics)))
      const watch = yield* heads.watch(topics)
      let readings: Array<Reading> | undefined

      const poll = Effect.gen(function* () {
        if (readings === undefined) {
          const rows = yield* failing("assign")(sql.unsafe<AssignRow>(assignStatement, [group, topics]))
          readings = rows.map(({ first, part, topic }) => ({ topic, partition: part, next: first }))
          return { _tag: "Assigned", partitions: rows.map(assignment) } satisfies Polled
        }
        let gatherUntil: number | undefined
        while (true) {
          const seen = watch.count()
          const failure = watch.failure()
          if (failure !== undefined) return yield* new EventLogError({ operation: "poll", cause: failure })
          let count = 0
          for (const reading of readings) count += available(reading)
          if (count > 0 && gatherUntil === undefined) {
            gatherUntil = (yield* Clock.currentTimeMillis) + options.gatherMs
          }
          if (gatherUntil === undefined) {
            yield* watch.after(seen)
            continue
          }
          const wait = count >= options.maxMessages ? 0 : gatherUntil - (yield* Clock.currentTimeMillis)
          if (wait > 0) {
            yield* Effect.timeoutOption(watch.after(seen), wait)
            continue
          }
          const records = yield* failing("poll")(read(readings, options))
          if (records.length > 0) return { _tag: "Records", records } satisfies Polled
          gatherUntil = undefined
        }
      })

      return {
        poll,
        commit: (positions: ReadonlyArray<Position>) =>
          positions.length === 0
            ? Effect.void
            : sql
                .unsafe(commitStatement, [
                  group,
                  positions.map(({ topic }) => topic),
                  positions.map(({ partition }) => partition),
                  positions.map(({ offset }) => offset)
                ])
                .pipe(Effect.asVoid, failing("commit"))
      } satisfies Subscription
    })

    return EventLog.of({ subscribe })
  })
)

/** How many messages of each to take so that there are `most` in all, where so many are available: equal shares first. */
const shares = (available: ReadonlyArray<number>, most: number): ReadonlyArray<number> => {
  const equal = Math.max(1, Math.floor(most / available.length))
  const taken = available.map(() => 0)
  let left = most
  for (const limit of [equal, most]) {
    for (const [i, count] of available.entries()) {
      const more = Math.min(count - taken[i]!, limit, left)
      taken[i]! += more
      left -= more
    }
  }
  return taken
}
