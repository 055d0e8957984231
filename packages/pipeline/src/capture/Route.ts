/**
 * Route: which topic an event goes to, under which key, and the message it becomes (spec capture 4). Pure.
 *
 * `decide` is the table of spec capture 4.2. What policies have decided about an event (restrictions, forced keys,
 * limiters) comes in as data.
 */
import * as Timestamp from "@tributary/domain/event/Timestamp"
import type { Headers, LogMessage } from "../service/LogMessage.ts"
import * as MessageSize from "../service/MessageSize.ts"
import type { CapturedEvent, Origin } from "./Normalize.ts"
import { Refusal } from "./Reply.ts"
import type { Topics } from "./Settings.ts"

/** What policies say about one event. */
export interface Policy {
  /** A restriction sends it to the dead letters. */
  readonly deadLetter: boolean
  /** A restriction sends it to this topic. */
  readonly topic: string | undefined
  /** It shall leave the main lane; `spread`: without its key, so that one hot id fills no single partition. */
  readonly overflow: "no" | "keep order" | "spread"
  /** False: its person is not to be touched, so its order matters to nobody. */
  readonly personProcessing: boolean
}

/** No policy has anything to say. */
export const unrestricted: Policy = { deadLetter: false, topic: undefined, overflow: "no", personProcessing: true }

export interface Destination {
  readonly topic: string
  /** Without a key a message goes to any partition. */
  readonly hasKey: boolean
  /** True when the message shall say that it is historical. */
  readonly isHistorical: boolean
}

/** The topic of an event's name, where the operator has given it one (spec capture 3.5). */
const topicOfName = (event: string, topics: Topics): string | undefined => {
  if (event.charCodeAt(0) !== 0x24) return undefined
  switch (event) {
    case "$exception":
      return topics.exceptions
    case "$$heatmap":
      return topics.heatmaps
    case "$$client_ingestion_warning":
      return topics.clientWarnings
    default:
      return undefined
  }
}

/** The routing decision; the first row that fits wins (spec capture 4.2). */
export const decide = (
  { event, historicalMigration }: { readonly event: string; readonly historicalMigration: boolean },
  policy: Policy,
  topics: Topics
): Destination => {
  const own = topicOfName(event, topics)
  const isHistorical = historicalMigration && own === undefined
  const to = (topic: string, hasKey: boolean): Destination => ({ topic, hasKey, isHistorical })
  if (policy.deadLetter) return to(topics.deadLetters, true)
  if (policy.topic !== undefined) return to(policy.topic, true)
  if (own !== undefined) return to(own, true)
  if (isHistorical) return to(topics.historical, true)
  if (policy.overflow === "spread") return to(topics.overflow, false)
  if (policy.overflow === "keep order") return to(topics.overflow, policy.personProcessing)
  return to(topics.main, policy.personProcessing)
}

const escapes = /\\(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|.)/g

/**
 * JSON text with U+FFFD for lone surrogates (spec capture 2.9). `JSON.stringify` writes pairs as characters and only lone
 * ones as escapes, so almost no text needs more than one search.
 */
const withoutLoneSurrogates = (json: string): string =>
  json.includes("\\ud") ? json.replace(escapes, (found) => (found.length > 2 ? "\uFFFD" : found)) : json

const noSession: Headers[number] = ["session_id", null]
const personProcessingOn: Headers[number] = ["force_disable_person_processing", null]
const personProcessingOff: Headers[number] = ["force_disable_person_processing", "true"]
const notHistorical: Headers[number] = ["historical_migration", null]
const historical: Headers[number] = ["historical_migration", "true"]

/** The parts of messages that are the same for all events of a request. */
export interface Shared {
  readonly origin: Origin
  readonly tokenHeader: Headers[number]
  readonly nowHeader: Headers[number]
  /** `now`, `sent_at` and `token` of the value, as JSON text. */
  readonly valuePart: string
}

export const share = (origin: Origin): Shared => ({
  origin,
  tokenHeader: ["token", origin.token],
  nowHeader: ["now", origin.nowText],
  valuePart:
    `,"now":"${origin.nowText}"` +
    (origin.sentAt === undefined ? "" : `,"sent_at":"${Timestamp.toIso(origin.sentAt)}"`) +
    `,"token":${JSON.stringify(origin.token)},"event":`
})

/**
 * The message of an event (spec capture 4.4, 4.5). The value is a JSON object whose `data` is the event's own JSON as text: written
 * once, escaped once. Throws what `JSON.stringify` throws on a value that is nested too deeply.
 */
export const messageOf = (
  event: Omit<CapturedEvent, "index">,
  policy: Policy,
  topics: Topics,
  shared: Shared
): LogMessage => {
  const { isHistorical, hasKey, topic } = decide(event, policy, topics)
  const { token } = shared.origin
  const value =
    `{"uuid":"${event.uuid}","distinct_id":${JSON.stringify(event.distinctId)},"ip":${JSON.stringify(event.ip)},"data":` +
    JSON.stringify(withoutLoneSurrogates(JSON.stringify(event.sent))) +
    shared.valuePart +
    `${JSON.stringify(event.event)},"timestamp":"${Timestamp.toIso(event.timestamp)}"` +
    (event.isCookieless ? ',"is_cookieless_mode":true' : "") +
    (isHistorical ? ',"historical_migration":true}' : "}")
  const headers: Array<Headers[number]> = [
    shared.tokenHeader,
    ["distinct_id", event.distinctId],
    noSession,
    ["timestamp", String(event.timestamp)],
    ["event", event.event],
    ["uuid", event.uuid],
    shared.nowHeader,
    policy.personProcessing ? personProcessingOn : personProcessingOff,
    isHistorical ? historical : notHistorical
  ]
  if (policy.deadLetter) {
    headers.push(["dlq_reason", "event_restriction"], ["dlq_step", "capture"], ["dlq_timestamp", shared.origin.nowText])
  }
  return {
    topic,
    headers,
    key: hasKey ? `${token}:${event.isCookieless ? event.ip : event.distinctId}` : null,
    value
  }
}

/** Why a message is too large for the log; undefined when it is not (spec capture 2.3). */
export const oversize = (message: LogMessage, index: number, maxBytes: number): Refusal | undefined => {
  // A unit of UTF-16 takes three bytes at most, and the value holds whatever else may be long: few messages need counting.
  if (6 * message.value.length <= maxBytes) return undefined
  const size = MessageSize.of(message)
  return size <= maxBytes
    ? undefined
    : new Refusal("oversize_event", `Event ${index} makes a message of ${size} bytes; the limit is ${maxBytes} bytes.`)
}
