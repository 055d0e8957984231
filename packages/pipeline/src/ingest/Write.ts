/**
 * Step 4: everything that a batch has to say goes to the log, and is acknowledged before its positions are committed
 * (spec worker 6.2).
 *
 * Events, dead letters, warnings, metrics and the outbox rows of the batch travel in one append. What the log refuses
 * for good finds its place: an event becomes a dead letter, a dead letter is cut, an outbox row is marked, and a warning
 * or a metric is counted and logged, for neither may hold up the batch.
 */
import type { ProcessedEvent } from "@tributary/domain/event/Event"
import * as Outcome from "@tributary/domain/event/Outcome"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as AppMetricRow from "@tributary/domain/row/AppMetricRow"
import * as EventRow from "@tributary/domain/row/EventRow"
import * as LogEntryRow from "@tributary/domain/row/LogEntryRow"
import * as Topics from "@tributary/domain/row/Topics"
import * as WarningRow from "@tributary/domain/row/WarningRow"
import * as Catalogue from "@tributary/domain/warning/Catalogue"
import type { Warning } from "@tributary/domain/warning/Warning"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Health from "../service/Health.ts"
import type { LogMessage, LogRecord } from "../service/LogMessage.ts"
import { type OutboxRow, PersonStore } from "../service/PersonStore.ts"
import { Producer, type ProducerError, type Rejection } from "../service/Producer.ts"
import type { StoreError } from "../service/StoreError.ts"
import * as DeadLetter from "./DeadLetter.ts"
import * as Debounce from "./Debounce.ts"
import type { Notes } from "./Stage.ts"

export interface Batch {
  readonly records: ReadonlyArray<LogRecord>
  /** Lines up with the records. */
  readonly outcomes: ReadonlyArray<Outcome.Outcome<ProcessedEvent>>
  /** The project of each record, as far as it is known: dead letters name it. */
  readonly teams: ReadonlyArray<number | undefined>
  readonly notes: Notes
  readonly outbox: ReadonlyArray<OutboxRow>
}

export interface Write<R = Producer | PersonStore | Health.Health> {
  /** Appends redirected messages to their lane; acknowledged when it succeeds. */
  readonly redirect: (
    records: ReadonlyArray<LogRecord>,
    outcomes: ReadonlyArray<Outcome.Outcome<unknown>>
  ) => Effect.Effect<void, never, R>
  /** Appends everything else; acknowledged when it succeeds. */
  readonly batch: (batch: Batch) => Effect.Effect<void, never, R>
}

/** A message on its way out, and what becomes of it when the log refuses it for good. */
interface Outgoing {
  readonly message: LogMessage
  readonly origin:
    | { readonly _tag: "Event"; readonly index: number; readonly event: ProcessedEvent }
    | { readonly _tag: "DeadLetter" }
    | { readonly _tag: "Outbox"; readonly row: OutboxRow }
    | { readonly _tag: "Note" }
}

const outcomesTotal = Metric.counter("ingestion_outcomes_total", {
  description: "Messages by what became of them: stored, dropped, dead_letter, redirected",
  incremental: true
})
const refusedByLogTotal = Metric.counter("outbox_refused_total", {
  description: "Outbox rows that the log refuses for good; each is an alarm: ClickHouse lacks this row",
  incremental: true
})
const notesLostTotal = Metric.counter("ingestion_notes_refused_total", {
  description: "Warnings, metrics and log lines that their topic refuses for good",
  incremental: true
})

const logAway = Health.untilBack<ProducerError>("the log", (error) => `${error.reason}: ${String(error.cause)}`)
const postgresAway = Health.retryWhileAway<StoreError>(
  "PostgreSQL",
  (error) => error.reason === "Unavailable",
  (error) => `${error.operation}: ${String(error.cause)}`
)

const send = (messages: ReadonlyArray<LogMessage>) =>
  messages.length === 0 ? Effect.succeed<ReadonlyArray<Rejection>>([]) : logAway(Producer.use((p) => p.send(messages)))

export const make = (topics: { readonly overflow: string }): Write => {
  const debounce = Debounce.make()

  const redirect: Write["redirect"] = (records, outcomes) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const messages = outcomes.flatMap((outcome, index): ReadonlyArray<LogMessage> => {
        const record = records[index]
        if (outcome._tag !== "Redirect" || record === undefined) return []
        return [redirected(record, outcome, topics.overflow, now)]
      })
      return Effect.asVoid(send(messages))
    })

  const batch: Write["batch"] = (self) =>
    Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      yield* count(self.outcomes)
      const refused = yield* deliver(outgoing(self, now), self, now)
      const published = self.outbox.filter(({ id }) => !refused.has(id)).map(({ id }) => id)
      yield* postgresAway(PersonStore.use((store) => store.published(published))).pipe(orLeaveToSweeper)
    })

  const outgoing = ({ notes, outbox, outcomes, records, teams }: Batch, now: number): ReadonlyArray<Outgoing> => {
    const out: Array<Outgoing> = []
    for (let index = 0; index < outcomes.length; index++) {
      const outcome = outcomes[index]
      const record = records[index]
      if (outcome?._tag === "Continue") {
        const message = eventMessage(outcome.value, now)
        if (message !== undefined) out.push({ message, origin: { _tag: "Event", index, event: outcome.value } })
        else if (record !== undefined) {
          out.push({ message: DeadLetter.make(record, tooDeep, teams[index], now), origin: { _tag: "DeadLetter" } })
        }
      } else if (outcome?._tag === "DeadLetter" && record !== undefined) {
        out.push({ message: DeadLetter.make(record, outcome, teams[index], now), origin: { _tag: "DeadLetter" } })
      }
    }
    for (const row of outbox) out.push({ message: { ...row, headers: [] }, origin: { _tag: "Outbox", row } })
    for (const message of [...noted(notes, now), ...warned(notes.warnings, now)])
      out.push({ message, origin: { _tag: "Note" } })
    return out
  }

  const warned = (warnings: ReadonlyArray<Warning>, now: number): ReadonlyArray<LogMessage> =>
    warnings.flatMap((warning) =>
      Catalogue.entryOf(warning.type).alwaysSend ||
      debounce(`${warning.team}:${warning.type}:${warning.key ?? ""}`, now)
        ? [
            {
              topic: Topics.clickhouseIngestionWarnings,
              key: null,
              value: WarningRow.encode(warning, now),
              headers: []
            }
          ]
        : []
    )

  /** Sends until nothing is left to send; answers with the outbox rows that the log refuses. */
  const deliver = (
    all: ReadonlyArray<Outgoing>,
    self: Batch,
    now: number
  ): Effect.Effect<ReadonlySet<bigint>, never, Producer | PersonStore | Health.Health> =>
    Effect.flatMap(send(all.map(({ message }) => message)), (rejections) => {
      if (rejections.length === 0) return Effect.succeed<ReadonlySet<bigint>>(new Set())
      const instead: Array<Outgoing> = []
      const refusedRows: Array<OutboxRow> = []
      const warnings: Array<Warning> = []
      let lost = 0
      for (const rejection of rejections) {
        const refused = all[rejection.index]
        if (refused === undefined) continue
        const { message, origin } = refused
        switch (origin._tag) {
          case "Event": {
            const record = self.records[origin.index]
            if (record === undefined) break
            const letter = Outcome.deadLetter("message_size_too_large", "emit", rejection.detail)
            instead.push({
              message: DeadLetter.make(record, letter, origin.event.project.id, now),
              origin: { _tag: "DeadLetter" }
            })
            warnings.push(eventTooLarge(origin.event))
            break
          }
          case "DeadLetter":
            if (message.headers.some(([name]) => name === "dlq_truncated")) lost += 1
            else instead.push({ message: DeadLetter.truncated(message), origin })
            break
          case "Outbox":
            refusedRows.push(origin.row)
            warnings.push(...rowTooLarge(origin.row))
            break
          case "Note":
            lost += 1
        }
      }
      for (const message of warned(warnings, now)) instead.push({ message, origin: { _tag: "Note" } })
      return Effect.gen(function* () {
        if (lost > 0) {
          yield* Metric.update(notesLostTotal, lost)
          yield* Effect.logError("a topic refuses messages for good", { messages: lost, why: rejections[0]?.detail })
        }
        if (refusedRows.length > 0) {
          yield* Metric.update(refusedByLogTotal, refusedRows.length)
          yield* Effect.logError("the log refuses outbox rows for good: ClickHouse lacks them", {
            rows: refusedRows.map(({ id }) => String(id))
          })
          yield* postgresAway(PersonStore.use((store) => store.refusedByLog(refusedRows.map(({ id }) => id)))).pipe(
            orLeaveToSweeper
          )
        }
        const more = yield* deliver(instead, self, now)
        return new Set([...more, ...refusedRows.map(({ id }) => id)])
      })
    })

  return { redirect, batch }
}

/** The rows are in the log; if the outbox cannot be told so, a sweep publishes them once more, which is harmless. */
const orLeaveToSweeper = Effect.catch((error: StoreError) =>
  Effect.logWarning("outbox rows stay until the next sweep", { cause: String(error.cause) })
)

/** Undefined for properties that are nested deeper than JSON can be written. */
const eventMessage = (event: ProcessedEvent, now: number): LogMessage | undefined => {
  try {
    return {
      topic: Topics.clickhouseEvents,
      key: event.uuid,
      value: EventRow.encode(event, now),
      headers: [["productTrack", EventRow.productTrack(event.event)]]
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const tooDeep = Outcome.deadLetter("Processing error - non-retriable", "emit", "properties are nested too deep")

const noted = ({ logs, messages, metrics }: Notes, now: number): ReadonlyArray<LogMessage> => [
  ...messages,
  ...metrics.map((metric) => ({
    topic: Topics.clickhouseAppMetrics,
    // As upstream keys them: a filter's by the project, a function's by the function.
    key: metric.appSource === "event_filter" ? String(metric.team) : metric.appSourceId,
    value: AppMetricRow.encode(metric, now),
    headers: []
  })),
  ...logs.map((entry) => ({
    topic: Topics.logEntries,
    key: entry.instanceId,
    value: LogEntryRow.encode(entry),
    headers: []
  }))
]

const redirected = (record: LogRecord, outcome: Outcome.Redirect, topic: string, now: number): LogMessage => ({
  topic,
  key: outcome.keepKey ? record.key : null,
  value: record.value ?? "",
  headers: [
    ...record.headers,
    ["redirect-step", outcome.reason],
    ["redirect-timestamp", Timestamp.toIso(now)],
    ...(outcome.keepKey ? [] : [["redirect-original-key", record.key] as const])
  ]
})

const eventTooLarge = ({ distinctId, project, uuid }: ProcessedEvent): Warning => ({
  team: project.id,
  type: "message_size_too_large",
  details: { eventUuid: uuid, distinctId, step: "emit" }
})

/** A person or group whose message is too large; its row names it (spec worker 2.9, 4.4). */
const rowTooLarge = ({ topic, value }: OutboxRow): ReadonlyArray<Warning> => {
  const row = JSON.parse(value)
  if (topic === Topics.clickhousePerson) {
    return [{ team: row.team_id, type: "person_upsert_message_size_too_large", details: { personId: row.id } }]
  }
  if (topic === Topics.clickhouseGroups) {
    const details = { groupTypeIndex: row.group_type_index, groupKey: row.group_key }
    return [{ team: row.team_id, type: "group_upsert_message_size_too_large", details }]
  }
  return []
}

const labels = { Continue: "stored", Drop: "dropped", DeadLetter: "dead_letter", Redirect: "redirected" } as const

/** One update a batch for each kind and reason that occurs. */
const count = (outcomes: ReadonlyArray<Outcome.Outcome<unknown>>): Effect.Effect<void> => {
  const counts = new Map<string, { readonly attributes: Record<string, string>; n: number }>()
  for (const outcome of outcomes) {
    const reason = outcome._tag === "Continue" ? "" : outcome.reason
    const key = `${outcome._tag}:${reason}`
    const known = counts.get(key)
    if (known === undefined) counts.set(key, { attributes: { outcome: labels[outcome._tag], reason }, n: 1 })
    else known.n += 1
  }
  return Effect.forEach(
    counts.values(),
    ({ attributes, n }) => Metric.update(Metric.withAttributes(outcomesTotal, attributes), n),
    { discard: true }
  )
}
