/** What is asked of each of the two client libraries. Each is loaded only when `KAFKA_CLIENT` names it. */
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { LaneClient } from "./LaneClient.ts"
import type { Compression, KafkaSettings } from "./Settings.ts"
import type { TopicState } from "./TopicState.ts"

/**
 * The brokers did not do what was asked. `Away` may pass; anything else an operator must mend. `detail` is the innermost cause
 * in words.
 */
export class AdminError extends Data.TaggedError("AdminError")<{
  readonly reason:
    | "Away"
    /** No such user and password. */
    | "Credentials"
    | "Mechanism"
    /** TLS where there is none, or none where there is. */
    | "Protocol"
    /** The broker's certificate is signed by nobody we trust, or is not for this name. */
    | "Certificate"
    /** A right is missing. */
    | "Forbidden"
    | "Refused"
  readonly detail: string
}> {}

export interface NewTopic {
  readonly name: string
  readonly partitions: number
  /** Undefined: as many copies as the brokers do by themselves. */
  readonly replication: number | undefined
  /** Settings of the topic, as Kafka names them. */
  readonly configs: Readonly<Record<string, string>>
}

/** One try each, without retries. */
export interface KafkaAdmin {
  /** Asks for something that every client may know. */
  readonly check: Effect.Effect<void, AdminError>
  /** All that may be seen. */
  readonly topics: Effect.Effect<ReadonlySet<string>, AdminError>
  /** One that is there already is left as it is. */
  readonly create: (topic: NewTopic) => Effect.Effect<void, AdminError>
  /** Of topics that are there. */
  readonly describe: (topics: ReadonlyArray<string>) => Effect.Effect<ReadonlyMap<string, TopicState>, AdminError>
}

export interface KafkaClient {
  readonly lanes: (settings: KafkaSettings) => Effect.Effect<LaneClient, never, Scope.Scope>
  readonly eventLog: (settings: KafkaSettings) => Layer.Layer<EventLog>
  readonly admin: (settings: KafkaSettings) => Effect.Effect<KafkaAdmin, never, Scope.Scope>
  /** What messages can be compressed with, as far as its packages are installed. */
  readonly compressions: Effect.Effect<ReadonlySet<Compression>>
}
