import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { LogMessage } from "./LogMessage.ts"

/** The log did not take the messages: it is away, too slow, or the producer's memory bound is reached. Send again later. */
export class ProducerError extends Schema.TaggedError<ProducerError>()("ProducerError", {
  reason: Schema.Literals(["Unavailable", "Full", "OutOfDisk"]),
  cause: Schema.Defect()
}) {}

/** A message that the log refuses for good; sending it again cannot help. */
export interface Rejection {
  /** Index into the messages sent. */
  readonly index: number
  readonly reason: "TooLarge" | "Refused"
  readonly detail: string
}

/**
 * Appends to the event log.
 *
 * When `send` succeeds, every message is acknowledged, save those that it names as rejected. Messages of one call with
 * one key keep their order, also over several calls that follow each other. When it fails, some may have been appended:
 * at least once. Partition: murmur2 of the key (spec capture 4.3). An empty list does nothing.
 */
export class Producer extends Context.Service<
  Producer,
  {
    readonly send: (messages: ReadonlyArray<LogMessage>) => Effect.Effect<ReadonlyArray<Rejection>, ProducerError>
  }
>()("@tributary/pipeline/Producer") {}
