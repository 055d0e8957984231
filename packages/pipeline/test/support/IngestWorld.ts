/** Ingestion whole, in memory: messages go in, and what came out of each batch can be looked at. */
import type { Properties } from "@tributary/domain/event/Properties"
import * as Uuid from "@tributary/domain/event/Uuid"
import type { Person } from "@tributary/domain/person/Person"
import type { Project } from "@tributary/domain/project/Project"
import * as Topics from "@tributary/domain/row/Topics"
import * as Ingest from "@tributary/pipeline/ingest/Ingest"
import * as IngestSettings from "@tributary/pipeline/ingest/Settings"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { FunctionStore } from "@tributary/pipeline/service/FunctionStore"
import type { Place } from "@tributary/pipeline/service/GeoIp"
import type { GroupTypes } from "@tributary/pipeline/service/GroupTypes"
import type { Health } from "@tributary/pipeline/service/Health"
import { header, type LogMessage, type LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as MemoryWorld from "@tributary/pipeline/service/memory/MemoryWorld"
import * as PersonTables from "@tributary/pipeline/service/memory/PersonTables"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import type { PersonStore } from "@tributary/pipeline/service/PersonStore"
import type { Producer } from "@tributary/pipeline/service/Producer"
import type { Progress } from "@tributary/pipeline/service/Progress"
import type { ProjectStore } from "@tributary/pipeline/service/ProjectStore"
import { type Restriction, Restrictions } from "@tributary/pipeline/service/Restrictions"
import type { Transformation } from "@tributary/pipeline/transformation/Transformation"
import { Effect, Layer, Logger, Metric } from "effect"
import * as Gate from "./Gate.ts"
import { token } from "./Message.ts"

export const group = "events-ingestion-consumer"

export interface Options {
  readonly projects?: ReadonlyArray<Project>
  readonly settings?: Partial<IngestSettings.Settings>
  /** Static lists, as operators write them. */
  readonly restrictions?: Partial<Readonly<Record<Restriction, string>>>
  readonly places?: ReadonlyMap<string, Place>
  readonly transformations?: ReadonlyArray<Transformation>
  /** Of each topic; 1 by default, so that outputs lie in the order in which they were written. */
  readonly partitions?: number
  /** What the stages of the specification are replaced by. */
  readonly stages?: (stages: Ingest.Stages<Services>) => Ingest.Stages<Services>
}

export type Services =
  | EventLog
  | Producer
  | PersonStore
  | Progress
  | ProjectStore
  | GroupTypes
  | FunctionStore
  | Restrictions
  | Health

export interface Letter {
  readonly reason: string | undefined
  readonly step: string | undefined
  readonly error: string | undefined
  readonly team: string | undefined
  readonly record: LogRecord
}

export interface Warning {
  readonly team_id: number
  readonly type: string
  readonly source: string
  readonly details: Properties
  readonly timestamp: string
}

/** An event as it stands in its topic, with the JSON texts in it read. */
export interface StoredEvent {
  readonly row: Properties
  readonly uuid: string
  readonly event: string
  readonly distinctId: string
  readonly properties: Properties
  readonly personProperties: Properties
  readonly mode: unknown
  readonly personId: unknown
  readonly timestamp: unknown
  readonly record: LogRecord
}

/** What came out. */
export interface Ran {
  readonly events: ReadonlyArray<StoredEvent>
  readonly letters: ReadonlyArray<Letter>
  readonly warnings: ReadonlyArray<Warning>
  readonly metrics: ReadonlyArray<Properties>
  readonly logs: ReadonlyArray<Properties>
  readonly heatmaps: ReadonlyArray<Properties>
  readonly redirected: ReadonlyArray<LogRecord>
  /** Person, distinct id and group messages, as `PM alice v0`, `DM alice v0`, `GM 0 acme v1`. */
  readonly told: ReadonlyArray<string>
  /** Counted outcomes, as `stored 1`, `dropped no_token 1`. */
  readonly outcomes: ReadonlyArray<string>
}

export interface LogLine {
  readonly level: string
  readonly text: string
}

export const textOf = (bytes: Uint8Array | null): string => new TextDecoder().decode(bytes ?? new Uint8Array())
const json = (record: LogRecord): Properties => JSON.parse(textOf(record.value))
const parsed = (value: unknown): Properties => (typeof value === "string" ? JSON.parse(value) : {})
const text = (value: unknown): string => (typeof value === "string" ? value : "")

const storedEvent = (record: LogRecord): StoredEvent => {
  const row = json(record)
  return {
    row,
    uuid: text(row["uuid"]),
    event: text(row["event"]),
    distinctId: text(row["distinct_id"]),
    properties: parsed(row["properties"]),
    personProperties: withoutCreator(parsed(row["person_properties"])),
    mode: row["person_mode"],
    personId: row["person_id"],
    timestamp: row["timestamp"],
    record
  }
}

const letter = (record: LogRecord): Letter => ({
  reason: header(record.headers, "dlq_reason"),
  step: header(record.headers, "dlq_step"),
  error: header(record.headers, "dlq_error"),
  team: header(record.headers, "dlq_team_id"),
  record
})

const warning = (record: LogRecord): Warning => {
  const row = json(record)
  return {
    team_id: Number(row["team_id"]),
    type: text(row["type"]),
    source: text(row["source"]),
    details: parsed(row["details"]),
    timestamp: text(row["timestamp"])
  }
}

export const withoutCreator = ({ $creator_event_uuid: _, ...rest }: Properties): Properties => rest

const outputs = [
  Topics.clickhouseEvents,
  Topics.deadLetters,
  Topics.clickhouseIngestionWarnings,
  Topics.clickhouseAppMetrics,
  Topics.logEntries,
  Topics.clickhouseHeatmaps,
  Topics.eventsOverflow,
  Topics.clickhousePerson,
  Topics.clickhousePersonDistinctId,
  Topics.clickhouseGroups
]

/** One project with the token of `Message.ts`. */
export const aProject = (changes: Partial<Project> = {}): Project =>
  ProjectStoreMemory.project({ id: 1, apiToken: token, ingestedEvent: true, ...changes })

export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const memory = MemoryWorld.make({
    partitions: options.partitions ?? 1,
    projects: options.projects ?? [aProject()],
    ...(options.places === undefined ? {} : { places: options.places }),
    ...(options.transformations === undefined ? {} : { transformations: options.transformations })
  })
  const { log, people: tables } = memory
  const settings = { ...IngestSettings.defaults, ...options.settings }
  const gate = Gate.open()
  const lines: Array<LogLine> = []
  const logger = Logger.make(({ logLevel, message }) => {
    lines.push({ level: logLevel, text: Array.isArray(message) ? message.map(String).join(" ") : String(message) })
  })
  const context = yield* Layer.build(
    Gate.layer(gate).pipe(
      Layer.provideMerge(memory.layer),
      Layer.merge(Restrictions.layerStatic(options.restrictions ?? {})),
      Layer.merge(Logger.layer([logger])),
      Layer.merge(Layer.succeed(Metric.MetricRegistry, new Map()))
    )
  )

  /** A process of its own: what a worker remembers, such as what it warned of, begins afresh. */
  const worker = (): Ingest.Ingest<Services> => {
    const stages: Ingest.Stages<Services> = Ingest.stages(settings, { overflow: Topics.eventsOverflow })
    return Ingest.make(options.stages?.(stages) ?? stages, settings)
  }
  const only = worker()

  /** Appends messages of one topic; answers with their records. */
  const append = (messages: ReadonlyArray<LogMessage>) =>
    Effect.suspend(() => {
      const topic = messages[0]?.topic ?? Topics.events
      const known = new Set(recordsOf(topic))
      return Effect.map(Effect.orDie(log.send(messages)), () => recordsOf(topic).filter((record) => !known.has(record)))
    })
  const recordsOf = (topic: string): ReadonlyArray<LogRecord> => log.records(topic)

  const marks = () => new Map(outputs.map((topic) => [topic, recordsOf(topic).length]))
  const since = (before: ReadonlyMap<string, number>, topic: string) => recordsOf(topic).slice(before.get(topic))
  const counts = Effect.map(Metric.snapshot, (snapshot) => {
    const all = new Map<string, number>()
    for (const metric of snapshot) {
      if (metric.type !== "Counter") continue
      const labels = Object.values(metric.attributes ?? {}).filter((label) => label !== "")
      all.set([metric.id, ...labels].join(" "), Number(metric.state.count))
    }
    return all
  }).pipe(Effect.provideContext(context))

  /** What comes out while `self` runs. */
  const watching = <E>(self: Effect.Effect<void, E, Services>): Effect.Effect<Ran, E> =>
    Effect.gen(function* () {
      const before = marks()
      const countsBefore = yield* counts
      yield* self
      const outcomes = [...(yield* counts)].flatMap(([name, count]) => {
        const more = count - (countsBefore.get(name) ?? 0)
        const [, label] = name.split("ingestion_outcomes_total ")
        return label === undefined || more === 0 ? [] : [`${label} ${more}`]
      })
      return {
        events: since(before, Topics.clickhouseEvents).map(storedEvent),
        letters: since(before, Topics.deadLetters).map(letter),
        warnings: since(before, Topics.clickhouseIngestionWarnings).map(warning),
        metrics: since(before, Topics.clickhouseAppMetrics).map(json),
        logs: since(before, Topics.logEntries).map(json),
        heatmaps: since(before, Topics.clickhouseHeatmaps).map(json),
        redirected: since(before, Topics.eventsOverflow),
        told: [Topics.clickhousePerson, Topics.clickhousePersonDistinctId, Topics.clickhouseGroups].flatMap((topic) =>
          since(before, topic).map(tell)
        ),
        outcomes: outcomes.sort()
      }
    }).pipe(Effect.provideContext(context))

  const deliver = (records: ReadonlyArray<LogRecord>, by = only) => watching(by(group, records))

  /** Appends the messages and takes them through ingestion as one batch. */
  const run = (...messages: ReadonlyArray<LogMessage>) =>
    Effect.flatMap(append(messages), (records) => deliver(records))

  /** Each message a batch of its own. */
  const each = (...messages: ReadonlyArray<LogMessage>) =>
    Effect.flatMap(append(messages), (records) =>
      watching(Effect.forEach(records, (record) => only(group, [record]), { discard: true }))
    )

  const person = (distinctId: string, team = 1): Person | undefined => {
    const mapping = tables.mappings.get(`${team}:${distinctId}`)
    const row = mapping === undefined ? undefined : tables.persons.get(`${team}:${mapping.person}`)
    return row === undefined ? undefined : PersonTables.personOf(row)
  }

  return {
    ...memory,
    tables,
    gate,
    lines,
    context,
    settings,
    worker,
    append,
    deliver,
    run,
    each,
    watching,
    counts,
    recordsOf,
    person,
    /** The person's properties without `$creator_event_uuid`. */
    propertiesOf: (distinctId: string, team = 1): Properties | undefined => {
      const found = person(distinctId, team)
      return found === undefined ? undefined : withoutCreator(found.properties)
    },
    provided: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.provideContext(self, context)
  }
})

export type World = Effect.Success<ReturnType<typeof make>>

const tell = (record: LogRecord): string => {
  const row = json(record)
  const deleted = row["is_deleted"] === 1 ? " deleted" : ""
  switch (record.topic) {
    case Topics.clickhousePerson:
      return `PM ${row["id"]} v${row["version"]}${deleted}`
    case Topics.clickhousePersonDistinctId:
      return `DM ${row["distinct_id"]} v${row["version"]}${deleted}`
    default:
      return `GM ${row["group_type_index"]} ${row["group_key"]} v${row["version"]}`
  }
}

export const personUuid = (distinctId: string, team = 1): string => Uuid.personUuid(team, distinctId)
