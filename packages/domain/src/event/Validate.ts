/**
 * What makes an event unfit for its project: each check says undefined, or why the event is dropped and which warning tells
 * its owner (spec worker 1.6, 1.7).
 */
import { aboutEvent, type Subject, type Warning } from "../warning/Warning.ts"
import { maxLength } from "./DistinctId.ts"
import type { Properties } from "./Properties.ts"
import { clean, textOf } from "./Text.ts"
import { toIso } from "./Timestamp.ts"
import { isUuid } from "./Uuid.ts"

/** An event that is dropped with a warning. */
export interface Rejection {
  /** For the outcome `Drop`. */
  readonly reason: string
  readonly warning: Warning
}

/** Group keys take as many UTF-16 units as distinct ids. */
export const maxGroupKeyLength = 400

const maxSessionIdShown = 200

/** The distinct id of the header is at most 400 UTF-16 units long. */
export const distinctId = (team: number, id: string | undefined): Rejection | undefined => {
  if (id === undefined || id.length <= maxLength) return undefined
  const details = { distinctId: clean(id.slice(0, 100)), distinctIdLength: id.length, maxLength }
  return {
    reason: "distinct_id_too_long",
    warning: { team, type: "skipping_event_invalid_distinct_id", details }
  }
}

/** A `$groupidentify` has a key of at most 400 UTF-16 units. */
export const groupKey = (subject: Subject, properties: Properties): Rejection | undefined => {
  if (subject.event !== "$groupidentify") return undefined
  const key = properties["$group_key"]
  if (key === undefined || key === null) return undefined
  const text = textOf(key)
  if (text.length <= maxGroupKeyLength) return undefined
  const details = {
    groupKey: clean(text.slice(0, maxGroupKeyLength)),
    groupKeyLength: text.length,
    maxLength: maxGroupKeyLength
  }
  return { reason: "group_key_too_long", warning: aboutEvent("group_key_too_long", subject, details) }
}

/** The partner of a merge event is a text, null or absent. */
export const mergePartner = (subject: Subject, properties: Properties): Rejection | undefined => {
  const { event } = subject
  if (event !== "$identify" && event !== "$create_alias" && event !== "$merge_dangerously") return undefined
  const isIdentify = event === "$identify"
  const name = isIdentify ? "$anon_distinct_id" : "alias"
  const partner = Object.hasOwn(properties, name) ? properties[name] : undefined
  if (partner === undefined || partner === null || typeof partner === "string") return undefined
  const type = isIdentify ? "invalid_anon_distinct_id" : "invalid_alias"
  return { reason: type, warning: aboutEvent(type, subject, { receivedType: typeof partner }) }
}

/** A session id that is no UUID stays, with a warning. Checked after normalisation. */
export const sessionId = (subject: Subject, properties: Properties): Warning | undefined => {
  const id = properties["$session_id"]
  if (id === undefined || id === null || (typeof id === "string" && isUuid(id))) return undefined
  const shown = clean(textOf(id, maxSessionIdShown).slice(0, maxSessionIdShown))
  return {
    team: subject.team,
    type: "invalid_event_session_id",
    details: { eventUuid: subject.uuid, sessionId: shown }
  }
}

/** The last time that a `Date` can tell, in milliseconds; far beyond any event's. */
const endOfTime = 8.64e15

export interface Age {
  /** The header `timestamp`: milliseconds since the epoch as text. */
  readonly timestamp: string | undefined
  readonly receivedAt: number
  /** The project's `drop_events_older_than`; null or 0 = never. */
  readonly thresholdSeconds: number | null
}

/** An event is not older than its project allows. One without a readable time passes, and so does one from the future. */
export const age = (subject: Subject, { timestamp, receivedAt, thresholdSeconds }: Age): Rejection | undefined => {
  if (!thresholdSeconds || thresholdSeconds < 0 || timestamp === undefined || timestamp.trim() === "") return undefined
  const time = Number(timestamp)
  if (!(Math.abs(time) <= endOfTime)) return undefined
  const seconds = (receivedAt - time) / 1000
  if (seconds <= thresholdSeconds) return undefined
  const details = {
    eventTimestamp: toIso(time),
    ageInSeconds: Math.floor(seconds),
    dropThresholdSeconds: thresholdSeconds
  }
  return { reason: "event_too_old", warning: aboutEvent("event_dropped_too_old", subject, details) }
}
