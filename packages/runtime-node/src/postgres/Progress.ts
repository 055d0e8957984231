/** The rows of `tributary_progress` in PostgreSQL (guides postgres 1, the fence; guides clickhouse 5, the sinks' bounds). */
import type { PgClient } from "@effect/sql-pg/PgClient"
import type { Assignment, EventLogError } from "@tributary/pipeline/service/EventLog"
import * as Fence from "@tributary/pipeline/service/Fence"
import { type Finding, type Mark, Progress } from "@tributary/pipeline/service/Progress"
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PersonsDatabase } from "./Database.ts"
import * as SqlFailure from "./SqlFailure.ts"

const insertRow = `
INSERT INTO tributary_progress (consumer_group, topic, partition, next_offset, topic_id)
VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`

const selectRow = `
SELECT next_offset, topic_id, pending_end FROM tributary_progress WHERE consumer_group = $1 AND topic = $2 AND partition = $3`

/** $4 its new place, $5 the topic's id, $6 `next_offset` as read. What lowers the row forgets the refusals from there on. */
const moveRow = `
WITH p AS (UPDATE tributary_progress
           SET next_offset = $4, topic_id = $5, pending_end = CASE WHEN next_offset = $4 THEN pending_end END
           WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset = $6 RETURNING 1)
DELETE FROM tributary_refused
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND log_offset >= $4 AND EXISTS (SELECT FROM p)`

/** A late owner may still hold what is committed, but nobody what the log has not held for long. */
const forgetGone = `
DELETE FROM tributary_refused WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND log_offset < $4`

const storeBounds = `
UPDATE tributary_progress SET next_offset = $4, pending_end = $5
WHERE consumer_group = $1 AND topic = $2 AND partition = $3 AND next_offset = $6 AND pending_end IS NOT DISTINCT FROM $7::bigint
RETURNING 1 AS stored`

const read = Effect.fnUntraced(function* (sql: PgClient, group: string, topic: string, partition: number) {
  const rows = yield* sql.unsafe<{ next_offset: bigint; topic_id: string | null; pending_end: bigint | null }>(
    selectRow,
    [group, topic, partition]
  )
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    topic,
    partition,
    topicId: row.topic_id ?? undefined,
    nextOffset: row.next_offset,
    pendingEnd: row.pending_end ?? undefined,
    finding: "unchanged"
  } satisfies Mark
})

const orFail = (operation: string) => SqlFailure.orUnavailable("Progress", operation)

const assign = Effect.fnUntraced(function* (
  sql: PgClient,
  group: string,
  assignment: Assignment
): Effect.fn.Return<Mark, StoreError | EventLogError> {
  const { begin, partition, topic } = assignment
  const key = [group, topic, partition]
  const run = (text: string, parameters: ReadonlyArray<unknown>) =>
    sql.unsafe(text, [...key, ...parameters]).pipe(orFail("assigned"))
  let finding: Finding = "unchanged"
  while (true) {
    const row = yield* read(sql, group, topic, partition).pipe(orFail("assigned"))
    // Read after the row: a batch that commits in between moves both, the log's end first.
    const end = yield* assignment.end
    const verdict = Fence.compare(row, assignment, end)
    if (row !== undefined && verdict.finding === "unchanged" && verdict.topicId === row.topicId) {
      yield* run(forgetGone, [begin])
      return { ...row, finding }
    }
    if (verdict.finding !== "unchanged") finding = verdict.finding
    const { nextOffset, topicId = null } = verdict
    // Either does nothing where another process was first; the next turn sees what it did.
    yield* row === undefined
      ? run(insertRow, [nextOffset, topicId])
      : run(moveRow, [nextOffset, topicId, row.nextOffset])
  }
})

export const make = (sql: PgClient): Progress["Service"] =>
  Progress.of({
    assigned: (group, partitions) => Effect.forEach(partitions, (assignment) => assign(sql, group, assignment)),
    begin: ({ end, group, partition, seen, start, topic }) =>
      sql.unsafe(storeBounds, [group, topic, partition, start, end, seen.nextOffset, seen.pendingEnd ?? null]).pipe(
        Effect.map((rows) => rows.length > 0),
        orFail("begin")
      ),
    read: (group, { partition, topic }) => read(sql, group, topic, partition).pipe(orFail("read"))
  })

export const layer: Layer.Layer<Progress, never, PersonsDatabase> = Layer.effect(
  Progress,
  Effect.map(PersonsDatabase, make)
)
