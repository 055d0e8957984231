/**
 * The worker: a consumer for each lane, the outbox's sweeper, and, where they are wanted, sink and delivery, all until the
 * scope closes. It drains: batches in hand are finished and committed.
 */
import * as Consume from "@tributary/pipeline/ingest/Consume"
import * as Ingest from "@tributary/pipeline/ingest/Ingest"
import type * as IngestSettings from "@tributary/pipeline/ingest/Settings"
import * as Sweep from "@tributary/pipeline/ingest/Sweep"
import * as Effect from "effect/Effect"

/** A lane of the event log: a topic, and the consumer group that reads it. */
export interface Lane {
  readonly name: "main" | "overflow" | "historical"
  readonly topic: string
  readonly group: string
}

export interface WorkerSettings {
  readonly behaviour: IngestSettings.Settings
  readonly lanes: ReadonlyArray<Lane>
  /** Where redirected messages go. */
  readonly overflowTopic: string
  /** A batch ends at so many messages … */
  readonly maxMessages: number
  /** … or bytes. */
  readonly maxBytes: number
}

export const run = (settings: WorkerSettings) =>
  Effect.gen(function* () {
    const stages = Ingest.stages(settings.behaviour, { overflow: settings.overflowTopic })
    const ingest = Ingest.make(stages, settings.behaviour)
    for (const { group, name, topic } of settings.lanes) {
      yield* Consume.consume({
        name,
        group,
        topic,
        maxMessages: settings.maxMessages,
        maxBytes: settings.maxBytes,
        process: (records) => ingest(group, records)
      })
    }
    yield* Effect.forkScoped(Sweep.run)
  })
