/** The messages that step 4 writes, and what is said of one that the log refuses (spec worker 5.1, 6.5–6.8). Plain functions. */
import type { ProcessedEvent } from "@tributary/domain/event/Event"
import * as Outcome from "@tributary/domain/event/Outcome"
import { fromJson, type Properties } from "@tributary/domain/event/Properties"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as AppMetricRow from "@tributary/domain/row/AppMetricRow"
import * as EventRow from "@tributary/domain/row/EventRow"
import * as LogEntryRow from "@tributary/domain/row/LogEntryRow"
import * as Topics from "@tributary/domain/row/Topics"
import * as WarningRow from "@tributary/domain/row/WarningRow"
import type { Warning } from "@tributary/domain/warning/Warning"
import type { LogMessage, LogRecord } from "../../service/LogMessage.ts"
import type { OutboxRow } from "../../service/PersonStore.ts"
import type { Rejection } from "../../service/Producer.ts"
import type { Notes } from "../Stage.ts"

/** Undefined for what is nested deeper than JSON can be written. */
const unlessTooDeep = (write: () => string): string | undefined => {
  try {
    return write()
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

export const eventMessage = (event: ProcessedEvent, now: number): LogMessage | undefined => {
  const value = unlessTooDeep(() => EventRow.encode(event, now))
  return value === undefined
    ? undefined
    : {
        topic: Topics.clickhouseEvents,
        key: event.uuid,
        value,
        headers: [["productTrack", EventRow.productTrack(event.event)]]
      }
}

/** Details come in part from clients; those that cannot be written are left out. */
export const warningMessage = (warning: Warning, now: number): LogMessage => {
  const value = unlessTooDeep(() => WarningRow.encode(warning, now))
  return {
    topic: Topics.clickhouseIngestionWarnings,
    key: null,
    value: value ?? WarningRow.encode({ ...warning, details: flat(warning.details) }, now),
    headers: []
  }
}

const flat = (details: Properties): Properties =>
  Object.fromEntries(Object.entries(details).filter(([, value]) => typeof value !== "object"))

/** An output that the log refuses for good. */
export const refusedAtEmit = ({ detail, reason }: Rejection): Outcome.DeadLetter =>
  Outcome.deadLetter(
    reason === "TooLarge" ? "message_size_too_large" : "Processing error - non-retriable",
    "emit",
    detail
  )

export const tooDeep = Outcome.deadLetter("Processing error - non-retriable", "emit", "properties are nested too deep")

export const noted = ({ logs, messages, metrics }: Notes, now: number): ReadonlyArray<LogMessage> => [
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

export const redirected = (record: LogRecord, outcome: Outcome.Redirect, topic: string, now: number): LogMessage => ({
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

export const eventTooLarge = ({ distinctId, project, uuid }: ProcessedEvent): Warning => ({
  team: project.id,
  type: "message_size_too_large",
  details: { eventUuid: uuid, distinctId, step: "emit" }
})

/** A person or group whose message is too large; its row names it (spec worker 2.9, 4.4). */
export const rowTooLarge = ({ topic, value }: OutboxRow): ReadonlyArray<Warning> => {
  const row = fromJson(value)
  const team = Number(row["team_id"])
  if (topic === Topics.clickhousePerson) {
    return [{ team, type: "person_upsert_message_size_too_large", details: { personId: row["id"] } }]
  }
  if (topic === Topics.clickhouseGroups) {
    const details = { groupTypeIndex: row["group_type_index"], groupKey: row["group_key"] }
    return [{ team, type: "group_upsert_message_size_too_large", details }]
  }
  return []
}
