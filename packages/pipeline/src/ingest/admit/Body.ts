/**
 * The body of a message: an outer JSON object whose `data` is the client's event as JSON text (spec worker 1.1, 1.2).
 * Outer fields win over inner ones.
 */
import * as Json from "@tributary/domain/event/Json"
import * as Outcome from "@tributary/domain/event/Outcome"
import { isProperties, type Properties } from "@tributary/domain/event/Properties"
import * as Text from "@tributary/domain/event/Text"
import * as Uuid from "@tributary/domain/event/Uuid"
import type { LogRecord } from "../../service/LogMessage.ts"

/** What the body says, coerced but not yet clean: merge partners are tested on the text as sent first. */
export interface Body {
  readonly uuid: string
  readonly event: string
  readonly distinctId: string
  readonly ip: string | null
  readonly now: string | undefined
  readonly sentAt: string | undefined
  readonly timestamp: string | undefined
  readonly properties: Properties
  readonly set: Properties | undefined
  readonly setOnce: Properties | undefined
  /** A list or an object; anything else was left out. */
  readonly unset: unknown
  /** False when no text of the event can hold what must not be stored, so that nothing needs to be walked. */
  readonly mayNeedCleaning: boolean
}

const step = "parse_message"
const unreadable = (why: string): Outcome.DeadLetter => Outcome.deadLetter("failed_parse_message", step, why)

const decoder = new TextDecoder()

export const read = (record: LogRecord): Outcome.Outcome<Body> => {
  if (record.value === null || record.value.length === 0) return unreadable("the message has no value")
  const text = decoder.decode(record.value)
  // Of the envelope only names are read that hold no backslash, and those no engine mixes up.
  const outer = parseObject(text, JSON.parse)
  if (outer === undefined) return unreadable("the message is not a JSON object")
  const data = outer["data"]
  if (typeof data !== "string") return unreadable("data is not a text")
  const inner = parseObject(data, Json.parse)
  if (inner === undefined) return unreadable("data does not hold a JSON object")

  const field = (name: string): unknown => outer[name] ?? inner[name]
  const uuid = asText(field("uuid"))
  if (uuid === undefined || uuid === "") {
    return field("uuid") === undefined || field("uuid") === null || uuid === ""
      ? Outcome.deadLetter("empty_uuid", step, "the event has no uuid")
      : unreadable("uuid is not a text")
  }
  if (!Uuid.isUuid(uuid)) return Outcome.deadLetter("invalid_uuid", step, "uuid is not of the form 8-4-4-4-12")
  const event = asText(field("event"))
  if (event === undefined) return unreadable("event is not a text")
  const distinctId = asText(field("distinct_id"))
  if (distinctId === undefined) return unreadable("distinct_id is not a text")

  for (const name of ["properties", "$set", "$set_once"]) {
    const value = field(name)
    if (value !== undefined && value !== null && !isProperties(value)) return unreadable(`${name} is not an object`)
  }
  for (const name of ["ip", "now", "sent_at", "timestamp"]) {
    const value = field(name)
    if (value !== undefined && value !== null && typeof value !== "string") return unreadable(`${name} is not a text`)
  }
  const unset = field("$unset")
  return Outcome.next({
    uuid,
    event,
    distinctId,
    ip: optionalText(field("ip")) ?? null,
    now: optionalText(field("now")),
    sentAt: optionalText(field("sent_at")),
    timestamp: optionalText(field("timestamp")),
    properties: optionalObject(field("properties")) ?? {},
    set: optionalObject(field("$set")),
    setOnce: optionalObject(field("$set_once")),
    unset: Array.isArray(unset) || isProperties(unset) ? unset : undefined,
    // Of both: the envelope may have escaped the backslash of an escape in `data`.
    mayNeedCleaning: Text.mayNeedCleaning(text) || Text.mayNeedCleaning(data)
  })
}

const parseObject = (text: string, parse: (text: string) => unknown): Properties | undefined => {
  try {
    const value = parse(text)
    return isProperties(value) ? value : undefined
  } catch {
    return undefined
  }
}

const asText = (value: unknown): string | undefined =>
  typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : undefined

const optionalText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)
const optionalObject = (value: unknown): Properties | undefined => (isProperties(value) ? value : undefined)
