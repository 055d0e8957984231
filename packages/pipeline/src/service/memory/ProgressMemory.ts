/**
 * Progress rows and refusals in memory.
 *
 * The person store in memory reads and raises the same rows in its transactions, as the tables of PostgreSQL are shared:
 * make them once with `makeTables` and give them to both.
 */
import type { Refusal } from "@tributary/domain/person/Snapshot"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Assignment } from "../EventLog.ts"
import * as Fence from "../Fence.ts"
import { type Mark, Progress } from "../Progress.ts"

/** A row of `tributary_progress`. */
export interface ProgressRow {
  readonly topicId: string | undefined
  readonly nextOffset: bigint
  readonly pendingEnd: bigint | undefined
}

export interface ProgressTables {
  /** By `partitionKey`. */
  readonly rows: Map<string, ProgressRow>
  /** By `partitionKey`, then by offset. */
  readonly refusals: Map<string, Map<bigint, Refusal>>
}

export const makeTables = (): ProgressTables => ({ rows: new Map(), refusals: new Map() })

export const partitionKey = (group: string, topic: string, partition: number): string =>
  JSON.stringify([group, topic, partition])

const forget = (tables: ProgressTables, key: string, goes: (offset: bigint) => boolean): void => {
  const refusals = tables.refusals.get(key)
  for (const offset of [...(refusals?.keys() ?? [])]) if (goes(offset)) refusals?.delete(offset)
}

export const layer = (tables: ProgressTables): Layer.Layer<Progress> => {
  const assign = Effect.fnUntraced(function* (group: string, assignment: Assignment) {
    const { begin, partition, topic } = assignment
    const key = partitionKey(group, topic, partition)
    while (true) {
      const row = tables.rows.get(key)
      const end = yield* assignment.end
      // A batch of the owner before may have raised the row meanwhile.
      if (tables.rows.get(key)?.nextOffset !== row?.nextOffset) continue
      const { finding, nextOffset, topicId } = Fence.compare(row, assignment, end)
      const pendingEnd = row?.nextOffset === nextOffset ? row.pendingEnd : undefined
      tables.rows.set(key, { nextOffset, topicId, pendingEnd })
      if (row !== undefined && nextOffset < row.nextOffset) forget(tables, key, (offset) => offset >= nextOffset)
      forget(tables, key, (offset) => offset < begin)
      return { topic, partition, topicId, nextOffset, pendingEnd, finding } satisfies Mark
    }
  })
  return Layer.succeed(
    Progress,
    Progress.of({
      assigned: (group, partitions) => Effect.forEach(partitions, (assignment) => assign(group, assignment)),
      begin: ({ end, group, partition, seen, start, topic }) =>
        Effect.sync(() => {
          const key = partitionKey(group, topic, partition)
          const row = tables.rows.get(key)
          if (row === undefined || row.nextOffset !== seen.nextOffset || row.pendingEnd !== seen.pendingEnd)
            return false
          tables.rows.set(key, { ...row, nextOffset: start, pendingEnd: end })
          return true
        }),
      read: (group, { partition, topic }) =>
        Effect.sync(() => {
          const row = tables.rows.get(partitionKey(group, topic, partition))
          return row === undefined ? undefined : { topic, partition, ...row, finding: "unchanged" }
        })
    })
  )
}
