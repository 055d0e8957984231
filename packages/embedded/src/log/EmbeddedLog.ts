/**
 * The event log on one machine: topics, consumer groups and messages in PostgreSQL's tables, read and written by this
 * process (guides postgres 9). Order per key, at least once, like Kafka, and the same partitions for the same keys.
 */
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { Producer } from "@tributary/pipeline/service/Producer"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import type { SchemaTooNew } from "@tributary/runtime-node/postgres/Migrations"
import type { TlsError } from "@tributary/runtime-node/postgres/Tls"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as EmbeddedEventLog from "./EmbeddedEventLog.ts"
import * as EmbeddedProducer from "./EmbeddedProducer.ts"
import { LogDatabase } from "./LogDatabase.ts"
import * as LogGroups from "./LogGroups.ts"
import { LogHeads } from "./LogHeads.ts"
import * as Retention from "./Retention.ts"

export interface EmbeddedLogOptions {
  readonly url: Redacted.Redacted
  /** Connections to PostgreSQL; fewer than 2 count as 2. */
  readonly connections: number
  /** Partitions of topics that are made (`KAFKA_TOPIC_PARTITIONS`). */
  readonly partitions: number
  /** Topics to make; further ones are made when they are first named. */
  readonly topics: ReadonlyArray<string>
  /** Groups of this start with the topics that they read: from now on the log keeps for them what they have not read. */
  readonly groups: ReadonlyArray<{ readonly group: string; readonly topics: ReadonlyArray<string> }>
  /** Folder whose file system must have 1 GB free for appends (`DATA_DIR`). */
  readonly dataDir?: string | undefined
  /** `CAPTURE_GATHER`, in milliseconds; 0. */
  readonly gatherMs?: number | undefined
  /** `LOG_RETENTION`; 24 hours or 2 GB. */
  readonly retention?: { readonly age?: Duration.Input; readonly bytes?: number }
}

/** When it is built, everything is ready for the first message. */
export const layer = (
  options: EmbeddedLogOptions
): Layer.Layer<EventLog | Producer | LogDatabase, StoreError | SchemaTooNew | TlsError> => {
  const retention = { ...options.retention, groups: options.groups.map(({ group }) => group) }
  return Layer.mergeAll(EmbeddedEventLog.layer, EmbeddedProducer.layer(options), Retention.layer(retention)).pipe(
    Layer.provide(Layer.effectDiscard(prepare(options))),
    Layer.provide(LogHeads.layer(options)),
    Layer.provideMerge(LogDatabase.layer(options))
  )
}

const prepare = (options: EmbeddedLogOptions) =>
  Effect.gen(function* () {
    const sql = yield* LogDatabase
    const heads = yield* LogHeads
    yield* heads.ensure([...options.topics, ...options.groups.flatMap(({ topics }) => topics)])
    yield* Effect.forEach(options.groups, ({ group, topics }) => LogGroups.begin(sql, group, topics), { discard: true })
  }).pipe(
    Effect.mapError((cause) => new StoreError({ store: "EventLog", operation: "start", reason: "Unavailable", cause }))
  )
