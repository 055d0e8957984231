/** Messages of the inbound topics as capture writes them (spec capture 4.4, 4.5), in the notation of spec worker 8.0. */
import type { Properties } from "@tributary/domain/event/Properties"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as Topics from "@tributary/domain/row/Topics"
import type { Headers, LogMessage } from "@tributary/pipeline/service/LogMessage"
import { notation, T0 } from "../../../domain/test/person/support/Notation.ts"

export { minutes, T0 } from "../../../domain/test/person/support/Notation.ts"

export const token = "phc_1"

/** The same number, the same uuid. */
export const uuidOf = (n: number | string): string => Uuid.v5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", `message:${n}`)

let made = 0
const freshUuid = (): string => uuidOf(++made)

/** What is said of a message beside event, distinct id and properties. Of overrides, undefined takes the field away. */
export interface Options {
  readonly token?: string
  readonly uuid?: string
  /** The event's time and, without `now`, the time of capture. */
  readonly timestamp?: number
  readonly now?: number
  readonly ip?: string
  readonly topic?: string
  readonly key?: string | null
  /** Fields of the event inside `data`, beside its properties. */
  readonly data?: Properties
  /** Fields of the envelope around it. */
  readonly envelope?: Properties
  readonly headers?: Readonly<Record<string, string | null | undefined>>
}

const defined = (object: Properties): Properties =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

export const message = (
  event: unknown,
  distinctId: string,
  properties: Properties = {},
  options: Options = {}
): LogMessage => {
  const timestamp = options.timestamp ?? T0
  const uuid = options.uuid ?? freshUuid()
  const nowText = Timestamp.toIso(options.now ?? timestamp)
  const owner = options.token ?? token
  const data = { distinct_id: distinctId, uuid: null, event, properties, ...options.data }
  const envelope = {
    uuid,
    distinct_id: distinctId,
    ip: options.ip ?? "127.0.0.1",
    data: JSON.stringify(defined(data)),
    now: nowText,
    token: owner,
    event,
    timestamp: Timestamp.toIso(timestamp),
    ...options.envelope
  }
  const headers: Readonly<Record<string, string | null | undefined>> = {
    token: owner,
    distinct_id: distinctId,
    session_id: null,
    timestamp: String(timestamp),
    event: typeof event === "string" ? event : null,
    uuid,
    now: nowText,
    force_disable_person_processing: null,
    historical_migration: null,
    ...options.headers
  }
  return {
    topic: options.topic ?? Topics.events,
    key: options.key === undefined ? `${owner}:${distinctId}` : options.key,
    value: JSON.stringify(defined(envelope)),
    headers: Object.entries(headers).filter((pair): pair is [string, string | null] => pair[1] !== undefined)
  }
}

/** The same message with another value. */
export const withValue = (self: LogMessage, value: string | Uint8Array): LogMessage => ({ ...self, value })
export const withHeaders = (self: LogMessage, headers: Headers): LogMessage => ({ ...self, headers })

export const { A, AL, E, GI, I, MD } = notation<LogMessage, Options>(message)
