/** A message of the dead-letter topic as a row of `dead_letters`, equal to what the Kafka table's view makes of it (spec worker 5.9, 6.3). */
import { toClickHouse } from "@tributary/domain/event/Timestamp"
import type { LogRecord } from "../service/LogMessage.ts"
import type { Bytes } from "./Bytes.ts"

type HeaderValue = string | Uint8Array

const text = (value: HeaderValue | undefined): string =>
  value === undefined ? "" : typeof value === "string" ? value : new TextDecoder().decode(value)

const maxInt64 = 9_223_372_036_854_775_807n

/** A number of 64 bits in decimal digits, or 0. */
const int64OrZero = (value: string): string => {
  if (!/^-?[0-9]{1,19}$/.test(value)) return "0"
  const number = BigInt(value)
  return number > maxInt64 || number < -maxInt64 - 1n ? "0" : String(number)
}

/** `YYYY-MM-DD HH:MM:SS.mmm` of an ISO time; of `otherwise` (milliseconds) where it is none. */
const dateTime = (iso: string, otherwise: number): string => {
  const parsed = /^\d{4}-\d\d-\d\dT/.test(iso) ? Date.parse(iso) : Number.NaN
  return toClickHouse(Number.isNaN(parsed) ? otherwise : parsed)
}

/** Appends the row. `seconds` is what goes into `_timestamp`. */
export const append = (out: Bytes, record: LogRecord, seconds: number): void => {
  // The last header of a name counts: a letter that was replayed and died again carries the older ones too.
  const headers = new Map<string, HeaderValue>(record.headers.map(([name, value]) => [name, value ?? ""]))
  const of = (name: string): HeaderValue => headers.get(name) ?? ""
  const topic = of("dlq_topic")
  const partition = text(of("dlq_partition"))
  const offset = text(of("dlq_offset"))
  const sourced = topic.length > 0 && /^[0-9]+$/.test(partition) && /^[0-9]+$/.test(offset)

  const string = (column: string, value: HeaderValue) => {
    out.ascii(`,"${column}":`)
    out.quoted(value)
  }
  out.ascii(`{"_timestamp":${seconds},"_offset":${record.offset},"_partition":${record.partition}`)
  out.ascii(`,"partition":${sourced ? int64OrZero(partition) : record.partition}`)
  out.ascii(`,"offset":${sourced ? int64OrZero(offset) : record.offset}`)
  out.ascii(`,"team_id":${int64OrZero(text(of("dlq_team_id")))}`)
  out.ascii(`,"timestamp":"${dateTime(text(of("dlq_timestamp")), seconds * 1000)}"`)
  string("topic", sourced ? topic : record.topic)
  string("token", of("token"))
  string("distinct_id", of("distinct_id"))
  string("event", of("event"))
  string("uuid", of("uuid"))
  string("reason", of("dlq_reason"))
  string("step", of("dlq_step"))
  string("error", of("dlq_error"))
  string("key", record.key ?? "")
  string("value", of("dlq_empty").length > 0 ? "" : (record.value ?? ""))
  out.ascii(`,"headers":{`)
  record.headers.forEach(([name, value], i) => {
    if (i > 0) out.ascii(",")
    out.quoted(name)
    out.ascii(":")
    out.quoted(value ?? "")
  })
  out.ascii("}}\n")
}
