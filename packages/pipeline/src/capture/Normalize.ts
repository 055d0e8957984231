/**
 * Normalize: from a JSON value in any of the four shapes to events (spec capture 2.4 to 2.7).
 *
 * First `batchOf`, which reads the shapes and fields of the whole request; then, once the token is accepted, `eventOf` for each of
 * its events. The first event that cannot be taken refuses the whole request, by its index.
 */
import * as DistinctId from "@tributary/domain/event/DistinctId"
import { empty, isProperties, type Properties } from "@tributary/domain/event/Properties"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Uuid from "@tributary/domain/event/Uuid"
import { Refusal } from "./Reply.ts"

/**
 * An event as the client sent it: its known keys under their first names. Written to the log as the envelope's `data`, in this order
 * and without what is undefined (spec capture 4.4).
 */
export interface SentEvent {
  readonly token: string | undefined
  /** As sent: any JSON value. */
  readonly distinct_id: unknown
  readonly uuid: string | null
  readonly event: string
  readonly properties: Properties
  readonly timestamp: string | number | undefined
  readonly offset: number | undefined
  readonly $set: Properties | undefined
  readonly $set_once: Properties | undefined
  readonly $unset: object | undefined
}

/** The events of one request. */
export interface Batch {
  /** The token of the envelope, else those of the events: none, one, or the first two that differ. Trimmed. */
  readonly tokens: ReadonlyArray<string>
  readonly events: ReadonlyArray<SentEvent>
  /** The place of each event in the request, where some were taken out; undefined where they stand as they came. */
  readonly places: ReadonlyArray<number> | undefined
  /** When the client says that it sent the request: milliseconds since the epoch. */
  readonly sentAt: number | undefined
  readonly historicalMigration: boolean
}

/** What the request as a whole says of each of its events. */
export interface Origin {
  /** Time of receipt: milliseconds since the epoch, and the same as text. */
  readonly now: number
  readonly nowText: string
  readonly token: string
  readonly ip: string
  readonly sentAt: number | undefined
  readonly historicalMigration: boolean
  /** Events up to this time count as historical, too (spec capture 3.6): milliseconds since the epoch. */
  readonly historicalUntil: number
}

/** An event that capture takes: what the log's message is made of. */
export interface CapturedEvent {
  /** Its place in the request, from 0. */
  readonly index: number
  readonly uuid: string
  readonly distinctId: string
  readonly event: string
  readonly ip: string
  /** The event's time, corrected by the client's clock: milliseconds since the epoch. */
  readonly timestamp: number
  readonly isCookieless: boolean
  readonly historicalMigration: boolean
  readonly sent: SentEvent
}

/** An event named so is taken out before anything else is looked at. */
const performanceEvent = "$performance_event"

/** The first of the values that is neither absent nor null. */
const first = (a: unknown, b: unknown): unknown => (a === undefined || a === null ? b : a)

const trimmed = (value: unknown): string | undefined => (typeof value === "string" ? value.trim() : undefined)

const objectOrNothing = (value: unknown): Properties | undefined => (isProperties(value) ? value : undefined)

/** Reads one event. `engage`: it may lack a name, which is `$identify` then (spec capture 2.4). */
const sentEventOf = (value: unknown, index: number, engage: boolean): SentEvent | Refusal => {
  if (!isProperties(value)) return new Refusal("req_parsing", `Event ${index} is not a JSON object.`)
  let name = value["event"]
  if (name === undefined || name === null) {
    if (!engage) return new Refusal("req_hydration", `Event ${index} has no \`event\`, the field for its name.`)
    name = "$identify"
  } else if (typeof name !== "string") return new Refusal("req_parsing", `Event ${index}: \`event\` is not a string.`)

  let uuid: string | null = null
  const sentUuid = value["uuid"]
  if (sentUuid !== undefined && sentUuid !== null && sentUuid !== "") {
    uuid = (typeof sentUuid === "string" ? Uuid.parseClient(sentUuid) : undefined) ?? null
    if (uuid === null) return new Refusal("req_parsing", `Event ${index}: \`uuid\` is not a UUID.`)
  }

  const sentProperties = value["properties"]
  const properties = sentProperties === undefined || sentProperties === null ? empty : sentProperties
  if (!isProperties(properties))
    return new Refusal("req_parsing", `Event ${index}: \`properties\` is not a JSON object.`)

  const timestamp = value["timestamp"]
  const offset = value["offset"]
  const unset = value["$unset"]
  return {
    token: trimmed(value["token"]) ?? trimmed(value["$token"]) ?? trimmed(value["api_key"]),
    distinct_id: first(value["distinct_id"], value["$distinct_id"]) ?? undefined,
    uuid,
    event: name as string,
    properties,
    timestamp: typeof timestamp === "string" || typeof timestamp === "number" ? timestamp : undefined,
    offset: typeof offset === "number" ? Math.trunc(offset) : undefined,
    $set: objectOrNothing(value["$set"]),
    $set_once: objectOrNothing(value["$set_once"]),
    $unset: typeof unset === "object" && unset !== null ? unset : undefined
  }
}

/** The events of a list, without `$performance_event`. */
const sentEventsOf = (list: ReadonlyArray<unknown>, engage: boolean): Pick<Batch, "events" | "places"> | Refusal => {
  if (list.length === 0) return new Refusal("empty_batch", "The list of events is empty.")
  const events: Array<SentEvent> = []
  let places: Array<number> | undefined
  for (let index = 0; index < list.length; index++) {
    const event = sentEventOf(list[index], index, engage)
    if (event instanceof Refusal) return event
    if (event.event === performanceEvent) places ??= events.map((_, place) => place)
    else {
      events.push(event)
      places?.push(index)
    }
  }
  return { events, places }
}

const tokensOf = (events: ReadonlyArray<SentEvent>): ReadonlyArray<string> => {
  let found: string | undefined
  for (const event of events) {
    const token = event.token ?? trimmed(event.properties["token"])
    if (token === undefined || token === found) continue
    if (found !== undefined) return [found, token]
    found = token
  }
  return found === undefined ? [] : [found]
}

/** When a batch says that it was sent, where that can be: a time outside of what events may have corrects nothing. */
const sentAtOf = (value: unknown): number | undefined => {
  const sentAt = Timestamp.parseCapture(value)
  return sentAt !== undefined && sentAt === Timestamp.within(sentAt, Number.NaN) ? sentAt : undefined
}

/**
 * The events of a payload (spec capture 2.4): a list, an object with `batch` and a token, or one event. `querySentAt` counts where
 * the batch has no time of sending that can be read. No events at all means that only `$performance_event` was sent.
 */
export const batchOf = (
  value: unknown,
  { path, querySentAt }: { readonly path: string; readonly querySentAt: number | undefined }
): Batch | Refusal => {
  const engage = path.startsWith("/engage")
  if (isProperties(value) && Array.isArray(value["batch"])) {
    const token = trimmed(value["api_key"]) ?? trimmed(value["token"])
    if (token !== undefined) {
      const read = sentEventsOf(value["batch"], engage)
      if (read instanceof Refusal) return read
      return {
        tokens: [token],
        events: read.events,
        places: read.places,
        sentAt: sentAtOf(value["sent_at"]) ?? querySentAt,
        historicalMigration: value["historical_migration"] === true
      }
    }
    if (value["event"] === undefined) {
      return new Refusal("req_hydration", "The batch names no project: it has neither `api_key` nor `token`.")
    }
  }
  if (!Array.isArray(value) && !isProperties(value)) {
    return new Refusal(
      "req_parsing",
      "The payload is neither an event, nor a list of events, nor an object with `batch`."
    )
  }
  const read = sentEventsOf(Array.isArray(value) ? value : [value], engage)
  if (read instanceof Refusal) return read
  const { events, places } = read
  return { tokens: tokensOf(events), events, places, sentAt: querySentAt, historicalMigration: false }
}

/** One event of an accepted request (spec capture 2.5 to 2.8), or why the request is refused. */
export const eventOf = (
  sent: SentEvent,
  index: number,
  origin: Origin,
  randomBytes: (count: number) => Uint8Array
): CapturedEvent | Refusal => {
  if (sent.event === "") return new Refusal("no_event_name", `Event ${index}: \`event\`, its name, is empty.`)
  const distinctId = DistinctId.forCapture(first(sent.distinct_id, sent.properties["distinct_id"]))
  if (distinctId === undefined)
    return new Refusal("no_distinct_id", `Event ${index}: \`distinct_id\` is missing or blank.`)
  const cookieless = sent.properties["$cookieless_mode"]
  if (cookieless !== undefined && typeof cookieless !== "boolean") {
    return new Refusal("invalid_cookieless", `Event ${index}: \`$cookieless_mode\` is neither true nor false.`)
  }
  const timestamp = Timestamp.eventTime({
    timestamp: sent.timestamp === undefined ? undefined : Timestamp.parseCapture(sent.timestamp),
    sentAt: origin.sentAt,
    now: origin.now,
    offset: sent.offset,
    ignoreSentAt: sent.properties["$ignore_sent_at"] === true
  })
  return {
    index,
    uuid: sent.uuid ?? Uuid.v7(timestamp, randomBytes(10)),
    distinctId,
    event: sent.event.toWellFormed(),
    ip: sent.properties["capture_internal"] === undefined ? origin.ip : "127.0.0.1",
    timestamp,
    isCookieless: cookieless === true,
    historicalMigration: origin.historicalMigration || timestamp <= origin.historicalUntil,
    sent
  }
}
