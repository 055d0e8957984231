/** The headers that capture writes and the worker reads before it looks into a body (spec worker 1.1). */
import * as Text from "@tributary/domain/event/Text"
import type { LogRecord } from "../../service/LogMessage.ts"

export interface Headers {
  readonly token: string | undefined
  readonly distinctId: string | undefined
  readonly sessionId: string | undefined
  /** The event's time: milliseconds since the epoch as text. */
  readonly timestamp: string | undefined
  readonly event: string | undefined
  readonly uuid: string | undefined
  /** Time of capture, ISO. */
  readonly now: string | undefined
  readonly forceDisablePersonProcessing: boolean
  readonly historicalMigration: boolean
}

const decoder = new TextDecoder()

/** One pass; of a header that occurs twice the last one counts. Texts are clean. */
export const read = (record: LogRecord): Headers => {
  let token: string | undefined
  let distinctId: string | undefined
  let sessionId: string | undefined
  let timestamp: string | undefined
  let event: string | undefined
  let uuid: string | undefined
  let now: string | undefined
  let forceDisablePersonProcessing = false
  let historicalMigration = false
  for (const [name, value] of record.headers) {
    const text = value === null ? undefined : typeof value === "string" ? value : decoder.decode(value)
    switch (name) {
      case "token":
        token = text === undefined ? undefined : Text.clean(text)
        break
      case "distinct_id":
        distinctId = text === undefined ? undefined : Text.clean(text)
        break
      case "session_id":
        sessionId = text === undefined ? undefined : Text.clean(text)
        break
      case "timestamp":
        timestamp = text
        break
      case "event":
        event = text
        break
      case "uuid":
        uuid = text
        break
      case "now":
        now = text
        break
      case "force_disable_person_processing":
        forceDisablePersonProcessing = text === "true"
        break
      case "historical_migration":
        historicalMigration = text === "true"
        break
    }
  }
  return {
    token,
    distinctId,
    sessionId,
    timestamp,
    event,
    uuid,
    now,
    forceDisablePersonProcessing,
    historicalMigration
  }
}
