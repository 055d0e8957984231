/**
 * Which groups hold the log: each has a row per partition, and nothing that it has not read is deleted
 * (guides postgres 9). A group that is gone holds the log until it is forgotten.
 */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type { LogDatabase } from "./LogDatabase.ts"

const beginStatement = `
INSERT INTO tributary_log_offset (grp, topic, part, off)
SELECT $1, h.topic, h.part,
       coalesce((SELECT min(m.off) FROM tributary_log_msg m WHERE m.topic = h.topic AND m.part = h.part), h.next)
FROM tributary_log_head h WHERE h.topic = ANY($2::text[]) ON CONFLICT DO NOTHING`

/** Rows for a group at the log's beginning, where it has none yet. Topics that are not there are passed over. */
export const begin = (
  sql: LogDatabase["Service"],
  group: string,
  topics: ReadonlyArray<string>
): Effect.Effect<void, SqlError> => Effect.asVoid(sql.unsafe(beginStatement, [group, topics]))

/** Names of all groups that hold the log, sorted. */
export const list = (sql: LogDatabase["Service"]): Effect.Effect<ReadonlyArray<string>, SqlError> =>
  Effect.map(
    sql.unsafe<{ readonly grp: string }>("SELECT DISTINCT grp FROM tributary_log_offset ORDER BY grp"),
    (rows) => rows.map(({ grp }) => grp)
  )

/** Deletes what a group committed, so that it holds nothing any more; whether there was something. */
export const forget = (sql: LogDatabase["Service"], group: string): Effect.Effect<boolean, SqlError> =>
  Effect.map(
    sql.unsafe<object>("DELETE FROM tributary_log_offset WHERE grp = $1 RETURNING part", [group]),
    (rows) => rows.length > 0
  )
