/**
 * Deletes what the log need not keep: messages that every group has read, and that are too old or too many (DESIGN, log;
 * guides postgres 9). What one group has not read stays, however old; a group that does not run any more is named in the log.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlError } from "effect/sql/SqlError"
import { LogDatabase } from "./LogDatabase.ts"
import * as LogGroups from "./LogGroups.ts"

export interface RetentionOptions {
  /** How long messages are kept that every group has read (`LOG_RETENTION`); 24 hours. */
  readonly age?: Duration.Input | undefined
  /** Bytes of messages in all topics beyond which those that every group has read go earlier; 2 GB. */
  readonly bytes?: number | undefined
  /** Groups of this start; others that hold the log are named in a warning. */
  readonly groups: ReadonlyArray<string>
}

/** Deletes once a minute, for as long as the layer lives. */
export const layer = (options: RetentionOptions): Layer.Layer<never, never, LogDatabase> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const warnedOf = new Set<string>()
      yield* run(options).pipe(
        Effect.tap(({ strangers }) => warn(strangers.filter((group) => !warnedOf.has(group) && warnedOf.add(group)))),
        Effect.catch((error) => Effect.logWarning("the log could not be cut back", error.reason.message)),
        Effect.delay("1 minute"),
        Effect.forever,
        Effect.forkScoped
      )
    })
  )

const warn = (groups: ReadonlyArray<string>) =>
  Effect.forEach(
    groups,
    (group) =>
      Effect.logWarning(
        `the log keeps all that the group ${group} has not read, and that group is not running; ` +
          `if it is gone for good: npx tributary log forget ${group}`
      ),
    { discard: true }
  )

/**
 * Partitions with how much they hold. `kept` is the smallest offset that a group has yet to read, or the end without
 * groups; sizes come from the 100 oldest and the 100 newest messages.
 */
const measureStatement = `
SELECT h.topic, h.part, b.begin, h.next, coalesce(g.kept, h.next) AS kept, coalesce(s.size, 0)::float8 AS size
FROM tributary_log_head h
CROSS JOIN LATERAL (SELECT m.off AS begin FROM tributary_log_msg m WHERE m.topic = h.topic AND m.part = h.part
                    ORDER BY m.off LIMIT 1) AS b
CROSS JOIN LATERAL (SELECT min(o.off) AS kept FROM tributary_log_offset o
                    WHERE o.topic = h.topic AND o.part = h.part) AS g
CROSS JOIN LATERAL (
  SELECT avg(octet_length(m.value) + coalesce(octet_length(m.key), 0) + coalesce(octet_length(m.headers), 0)) AS size
  FROM ((SELECT * FROM tributary_log_msg m WHERE m.topic = h.topic AND m.part = h.part ORDER BY off LIMIT 100)
        UNION ALL
        (SELECT * FROM tributary_log_msg m WHERE m.topic = h.topic AND m.part = h.part ORDER BY off DESC LIMIT 100)) AS m
) AS s`

interface Partition {
  readonly topic: string
  readonly part: number
  readonly begin: bigint
  readonly next: bigint
  readonly kept: bigint
  /** Bytes of one message, on the average. */
  readonly size: number
}

/** So that no statement holds locks, or the disk, for long. */
const sliceMessages = 5_000

/** $3 first offset, $4 the one that must stay, $5 deleted below, whatever their age, $6 and what is older. */
const deleteStatement = `
DELETE FROM tributary_log_msg WHERE topic = $1 AND part = $2 AND off = ANY(ARRAY(
  SELECT off FROM (SELECT off, at FROM tributary_log_msg WHERE topic = $1 AND part = $2 AND off >= $3 AND off < $4
                   ORDER BY off LIMIT ${sliceMessages}) AS m
  WHERE off < $5 OR at < $6)) RETURNING off`

/** One round; how many messages went, and which groups hold the log without being of this start. */
export const run = Effect.fnUntraced(function* (
  options: RetentionOptions
): Effect.fn.Return<{ readonly deleted: number; readonly strangers: ReadonlyArray<string> }, SqlError, LogDatabase> {
  const sql = yield* LogDatabase
  const bytes = options.bytes ?? 2e9
  const oldest = new Date((yield* Clock.currentTimeMillis) - Duration.toMillis(options.age ?? "24 hours"))
  const partitions = yield* sql.unsafe<Partition>(measureStatement)
  const held = partitions.map(({ begin, next, size }) => Number(next - begin) * size)
  const total = held.reduce((sum, one) => sum + one, 0)
  let deleted = 0
  for (const [i, { begin, kept, next, part, size, topic }] of partitions.entries()) {
    // Each partition gives its share of what is too much.
    const excess = total > bytes ? (held[i]! * (total - bytes)) / total : 0
    const tooMany = size > 0 ? begin + BigInt(Math.ceil(excess / size)) : begin
    for (let first = begin; first < kept && first < next; first += BigInt(sliceMessages)) {
      const gone = yield* sql.unsafe<object>(deleteStatement, [topic, part, first, kept, tooMany, oldest])
      deleted += gone.length
      if (gone.length < sliceMessages) break
    }
  }
  const groups = yield* LogGroups.list(sql)
  return { deleted, strangers: groups.filter((group) => !options.groups.includes(group)) }
})
