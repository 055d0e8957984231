/** What the lanes of the producer need of a Kafka client: both clients are made to fit this, and the rest is shared. */
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import type * as Effect from "effect/Effect"

/** A message whose partition is chosen. */
export interface LaneMessage {
  readonly message: LogMessage
  /** The message's key as it is sent. */
  readonly key: Uint8Array | null
}

/** Messages for one partition, in their order: at most 500 and 900 KB, or one. */
export interface LaneBatch {
  readonly topic: string
  readonly partition: number
  readonly messages: ReadonlyArray<LaneMessage>
}

/** What became of a batch. All of it is stored, or none that anybody has heard of. */
export type Outcome =
  | { readonly _tag: "Stored" }
  /** By the topic's limit or the brokers'. */
  | { readonly _tag: "TooLarge"; readonly detail: string }
  /** A message that no broker will ever take. */
  | { readonly _tag: "Refused"; readonly detail: string }
  /** An operator must act: a right that is missing, a wrong password. Or the client is closed. */
  | { readonly _tag: "Denied"; readonly cause: unknown }
  /** Worth another try. `unknown`: it may be stored all the same. */
  | { readonly _tag: "Unavailable"; readonly cause: unknown; readonly unknown: boolean }

/** The partitions of a topic are not known. `denied`: trying again does not help. */
export interface NoPartitions {
  readonly denied: boolean
  readonly cause: unknown
}

export interface LaneClient {
  /** How many partitions a topic has: one at least. May be asked often, and asks the brokers each time. */
  readonly partitions: (topic: string) => Effect.Effect<number, NoPartitions>
  /**
   * Sends batches of different partitions; one outcome each, in their order. Does not try again by itself, and ends in time:
   * the lanes of these batches wait for it.
   */
  readonly send: (batches: ReadonlyArray<LaneBatch>) => Effect.Effect<ReadonlyArray<Outcome>>
  /** How many batches one `send` may carry. */
  readonly batchesPerSend: number
}
