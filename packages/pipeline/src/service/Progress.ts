import type { Position } from "@tributary/domain/event/Position"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { Assignment, EventLogError } from "./EventLog.ts"
import type { StoreError } from "./StoreError.ts"

/** What the comparison of a progress row with the log found at assignment (spec worker 2.7, guarantee of the fence). */
export type Finding = "unchanged" | "new" | "topic made anew" | "log was cut"

/** How far a group has got in a partition. */
export interface Mark {
  readonly topic: string
  readonly partition: number
  /** The topic's id as the row holds it. */
  readonly topicId: string | undefined
  /** Everything below is applied (or, for a sink, inserted). */
  readonly nextOffset: bigint
  /** Sinks: the end of the range whose insert was begun and may not have been acknowledged. */
  readonly pendingEnd: bigint | undefined
  readonly finding: Finding
}

/** A range of the log that a sink is about to insert: `nextOffset` becomes `start`, `pendingEnd` becomes `end`. */
export interface Range {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** The row as this sink last saw it; another value means that another sink has the partition. */
  readonly seen: Pick<Mark, "nextOffset" | "pendingEnd">
  readonly start: bigint
  readonly end: bigint
}

/** The rows of `tributary_progress`, for the fence of the ingest groups and for the bounds of the sinks. */
export class Progress extends Context.Service<
  Progress,
  {
    /**
     * At assignment: makes missing rows (at the committed offset for a group without one, else where they are), reads
     * them first and the log's end after them, and moves a row whose topic was made anew (to 0) or cut (to its end).
     * Refusals of messages that the log does not hold any more are deleted, and those above a lowered row. (Those below the
     * committed offset must stay: a late owner may wake up with such a message in hand, and has to find its outcome.)
     */
    readonly assigned: (
      group: string,
      partitions: ReadonlyArray<Assignment>
    ) => Effect.Effect<ReadonlyArray<Mark>, StoreError | EventLogError>
    /** Stores the bounds of the next insert; false when the row is not as `seen`. */
    readonly begin: (range: Range) => Effect.Effect<boolean, StoreError>
    /** The row as it is now. */
    readonly read: (
      group: string,
      at: Pick<Position, "topic" | "partition">
    ) => Effect.Effect<Mark | undefined, StoreError>
  }
>()("@tributary/pipeline/Progress") {}
