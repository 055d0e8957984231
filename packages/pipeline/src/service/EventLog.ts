import type { Position } from "@tributary/domain/event/Position"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { LogRecord } from "./LogMessage.ts"

/** The log cannot be read or a commit did not arrive; try again later. */
export class EventLogError extends Schema.TaggedError<EventLogError>()("EventLogError", {
  operation: Schema.String,
  cause: Schema.Defect()
}) {}

/** A partition that this subscription reads from now on, with what is needed to compare it with the progress rows. */
export interface Assignment {
  readonly topic: string
  readonly partition: number
  /** Undefined where the client tells none. */
  readonly topicId: string | undefined
  /** Offset of the first message that the log still holds. */
  readonly begin: bigint
  /** Offset that the next message appended will get. Read by the log after the assignment, see `Progress.assigned`. */
  readonly end: Effect.Effect<bigint, EventLogError>
  /** The group's committed offset (the next one to read); undefined without a commit: reading begins at `begin`. */
  readonly committed: bigint | undefined
}

export type Polled =
  | { readonly _tag: "Records"; readonly records: ReadonlyArray<LogRecord> }
  /** Comes before the first records of these partitions. */
  | { readonly _tag: "Assigned"; readonly partitions: ReadonlyArray<Assignment> }
  /** The log waits a while for the next poll before it hands the partitions over, so work in hand can be finished. */
  | { readonly _tag: "Revoked"; readonly partitions: ReadonlyArray<Pick<Position, "topic" | "partition">> }

export interface SubscribeOptions {
  readonly group: string
  readonly topics: ReadonlyArray<string>
  /** A poll answers with at most so many records … */
  readonly maxMessages: number
  /** … and bytes of values, but always with one record. */
  readonly maxBytes: number
  /** Milliseconds that a poll goes on gathering after the first record. */
  readonly gatherMs: number
}

export interface Subscription {
  /** Waits until there is something; records of one partition come in log order, each once per assignment. */
  readonly poll: Effect.Effect<Polled, EventLogError>
  /**
   * Stores, per partition, the offset of the next message to read. Never lowers one, and passes over partitions that went to
   * another meanwhile: that is no error, they will be read again from what is committed.
   */
  readonly commit: (positions: ReadonlyArray<Position>) => Effect.Effect<void, EventLogError>
}

/**
 * Reads the event log in consumer groups: order per partition, at least once. Nothing is committed by itself. After an
 * error the subscription stays usable; polling again goes on where it was.
 */
export class EventLog extends Context.Service<
  EventLog,
  {
    readonly subscribe: (options: SubscribeOptions) => Effect.Effect<Subscription, EventLogError, Scope.Scope>
  }
>()("@tributary/pipeline/EventLog") {}
