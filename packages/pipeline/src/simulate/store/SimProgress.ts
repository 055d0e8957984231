/** `Progress` on the simulated database: a statement each, as in PostgreSQL (guides postgres 1, the fence; guides clickhouse 5). */
import * as Effect from "effect/Effect"
import type { Assignment, EventLogError } from "../../service/EventLog.ts"
import * as Fence from "../../service/Fence.ts"
import { partitionKey } from "../../service/memory/ProgressMemory.ts"
import { type Finding, type Mark, Progress } from "../../service/Progress.ts"
import type { StoreError } from "../../service/StoreError.ts"
import { atOnce, type Statement, type Tx } from "../database/Engine.ts"
import type { Postgres } from "../database/Postgres.ts"
import type { Tables } from "../database/Tables.ts"
import type { Flaws } from "../Flaws.ts"
import type { Process } from "../machine/Machine.ts"
import { orUnavailable } from "./Repeat.ts"

const readRow = (tables: Tables, key: string) => atOnce((tx) => tables.progress.read(key, tx))

const insertRow = (tables: Tables, key: string, nextOffset: bigint, topicId: string | undefined) =>
  function* (tx: Tx): Statement<void> {
    yield* tables.progress.insert(tx, key, { topicId, nextOffset, pendingEnd: undefined })
  }

const forget = function* (tables: Tables, key: string, tx: Tx, goes: (offset: bigint) => boolean): Statement<void> {
  for (const [id, { offset, partition }] of tables.refused.entries(tx)) {
    if (partition === key && goes(offset)) yield* tables.refused.write(tx, id, undefined)
  }
}

/** Only where the row is still as it was read. What lowers it forgets the refusals from there on. */
const moveRow = (tables: Tables, key: string, verdict: Fence.Verdict, seen: bigint) =>
  function* (tx: Tx): Statement<void> {
    const row = yield* tables.progress.lock(tx, key)
    if (row === undefined || row.nextOffset !== seen) return
    const { nextOffset, topicId } = verdict
    const pendingEnd = row.nextOffset === nextOffset ? row.pendingEnd : undefined
    yield* tables.progress.write(tx, key, { topicId, nextOffset, pendingEnd })
    yield* forget(tables, key, tx, (offset) => offset >= nextOffset)
  }

const forgetBelow = (tables: Tables, key: string, bound: bigint) =>
  function* (tx: Tx): Statement<void> {
    yield* forget(tables, key, tx, (offset) => offset < bound)
  }

export const make = ({
  flaws,
  postgres,
  process
}: {
  readonly flaws: Flaws
  readonly postgres: Postgres
  readonly process: Process
}): Progress["Service"] => {
  const { tables } = postgres
  const once = <A>(operation: string, statement: (tx: Tx) => Statement<A>): Effect.Effect<A, StoreError> =>
    postgres.once(process, operation, statement).pipe(orUnavailable("Progress", operation))

  const assign = Effect.fnUntraced(function* (
    group: string,
    assignment: Assignment
  ): Effect.fn.Return<Mark, StoreError | EventLogError> {
    const { begin, committed, partition, topic } = assignment
    const key = partitionKey(group, topic, partition)
    let finding: Finding = "unchanged"
    while (true) {
      const row = yield* once("read progress", readRow(tables, key))
      // Read after the row: a batch that commits in between moves both, the log's end first.
      const end = yield* assignment.end
      const verdict = Fence.compare(row, assignment, end)
      if (row !== undefined && verdict.finding === "unchanged" && verdict.topicId === row.topicId) {
        if (flaws.has("fence lowered at assignment") && committed !== undefined && committed < row.nextOffset) {
          yield* once("lower", moveRow(tables, key, { ...verdict, nextOffset: committed }, row.nextOffset))
        }
        const bound = flaws.has("refusals forgotten when committed") ? (committed ?? 0n) : begin
        yield* once("forget", forgetBelow(tables, key, bound))
        return { topic, partition, ...row, finding }
      }
      if (verdict.finding !== "unchanged") finding = verdict.finding
      yield* row === undefined
        ? once("insert progress", insertRow(tables, key, verdict.nextOffset, verdict.topicId))
        : once("move progress", moveRow(tables, key, verdict, row.nextOffset))
    }
  })

  return Progress.of({
    assigned: (group, partitions) => Effect.forEach(partitions, (assignment) => assign(group, assignment)),
    begin: ({ end, group, partition, seen, start, topic }) => {
      if (flaws.has("sink without bounds")) return Effect.succeed(true)
      const key = partitionKey(group, topic, partition)
      return once("begin", function* (tx: Tx): Statement<boolean> {
        const row = yield* tables.progress.lock(tx, key)
        if (row === undefined || row.nextOffset !== seen.nextOffset || row.pendingEnd !== seen.pendingEnd) return false
        return yield* tables.progress.write(tx, key, { ...row, nextOffset: start, pendingEnd: end })
      })
    },
    read: (group, { partition, topic }) =>
      Effect.map(once("read progress", readRow(tables, partitionKey(group, topic, partition))), (row) =>
        row === undefined ? undefined : { topic, partition, ...row, finding: "unchanged" }
      )
  })
}
