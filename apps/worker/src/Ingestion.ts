/**
 * A worker's ingestion: a consumer for each lane, and the outbox's sweeper, until the scope closes. It drains: batches in hand are
 * finished and committed.
 */
import * as Consume from "@tributary/pipeline/ingest/Consume"
import * as Ingest from "@tributary/pipeline/ingest/Ingest"
import type * as IngestSettings from "@tributary/pipeline/ingest/Settings"
import * as Sweep from "@tributary/pipeline/ingest/Sweep"
import * as Outputs from "@tributary/pipeline/service/Outputs"
import * as Effect from "effect/Effect"

/** A lane of the event log: a topic, and the consumer group that reads it. */
export interface Lane {
  readonly name: "main" | "overflow" | "historical"
  readonly topic: string
  readonly group: string
}

/** What is consumed, and in which portions (INTERFACE settings). */
export interface Consumption {
  /** `INGESTION_CONSUMER_GROUP_ID`; the other lanes' groups are called after it. */
  readonly group: string
  /** `INGESTION_LANE`; undefined = all. */
  readonly lane: Lane["name"] | undefined
  /** A batch ends at so many messages … */
  readonly maxMessages: number
  /** … or bytes. */
  readonly maxBytes: number
}

type LaneTopics = Readonly<Record<Lane["name"], string>>

/** The lanes that this worker consumes. */
export const lanes = (topics: LaneTopics, { group, lane }: Consumption): ReadonlyArray<Lane> => {
  const all: ReadonlyArray<Lane> = [
    { name: "main", topic: topics.main, group },
    { name: "overflow", topic: topics.overflow, group: `${group}-overflow` },
    { name: "historical", topic: topics.historical, group: `${group}-historical` }
  ]
  return lane === undefined ? all : all.filter(({ name }) => name === lane)
}

export interface Settings extends Omit<Consumption, "group" | "lane"> {
  readonly behaviour: IngestSettings.Settings
  readonly lanes: ReadonlyArray<Lane>
  /** `overflow` is where redirected messages go. */
  readonly topics: LaneTopics
  /** `KAFKA_PREFIX`, before the names of all topics but the lanes', which have it already. */
  readonly topicPrefix: string
}

export const run = (settings: Settings) =>
  Effect.gen(function* () {
    const ingest = Ingest.make(Ingest.stages(settings.behaviour, settings.topics), settings.behaviour)
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
  }).pipe(Effect.provideService(Outputs.Prefix, settings.topicPrefix))
