/**
 * From messages to the bytes of rows (guides clickhouse 5). A message is not parsed: what the table keeps about its place
 * in the log is put in front of its first field.
 */
import type { LogRecord } from "../service/LogMessage.ts"
import { Bytes } from "./Bytes.ts"
import * as DeadLetterRow from "./DeadLetterRow.ts"
import type { Target } from "./Tables.ts"

/** A message that ends in `kafka_errors`. */
export interface Broken {
  readonly record: LogRecord
  readonly error: string
}

export interface Split {
  readonly rows: ReadonlyArray<LogRecord>
  readonly broken: ReadonlyArray<Broken>
}

/**
 * Tells messages that are rows from those that cannot be. A message without a value is neither: ClickHouse's own Kafka
 * tables make no row of it. Every dead letter is a row.
 */
export const split = (target: Target, records: ReadonlyArray<LogRecord>): Split => {
  if (target.message === "letter") return { rows: records, broken: [] }
  const rows: Array<LogRecord> = []
  const broken: Array<Broken> = []
  for (const record of records) {
    if (record.value === null || record.value.length === 0) continue
    if (record.value[0] === 0x7b) rows.push(record)
    else broken.push({ record, error: "the message does not begin with {" })
  }
  return { rows, broken }
}

/**
 * The record's time in whole seconds, as `_timestamp` wants it. `now` (milliseconds) where the record has none: rows of
 * 1970 would be older than every time to live.
 */
const secondsOf = (record: LogRecord, now: number): number =>
  Math.min(Math.floor((record.timestamp > 0 ? record.timestamp : now) / 1000), 4_294_967_295)

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d

const appendSpliced = (out: Bytes, target: Target, record: LogRecord, value: Uint8Array, now: number): void => {
  out.ascii(`{"_timestamp":${secondsOf(record, now)},"_offset":${record.offset}`)
  if (target.partitionColumn) out.ascii(`,"_partition":${record.partition}`)
  let first = 1
  while (isSpace(value[first])) first++
  if (value[first] !== 0x7d) out.ascii(",")
  out.raw(value.subarray(first))
  out.ascii("\n")
}

const size = (records: Iterable<LogRecord>): number => {
  let bytes = 0
  for (const { value } of records) bytes += (value?.length ?? 0) + 100
  return bytes
}

/** The rows of messages that `split` called rows, one JSON object a line. */
export const rows = (target: Target, records: ReadonlyArray<LogRecord>, now: number): Uint8Array => {
  const out = new Bytes(size(records))
  for (const record of records) {
    if (target.message === "letter") DeadLetterRow.append(out, record, secondsOf(record, now))
    else if (record.value !== null) appendSpliced(out, target, record, record.value, now)
  }
  return out.done()
}

/** Rows of `kafka_errors`: the message's place, its bytes and what was wrong. */
export const errorRows = (broken: ReadonlyArray<Broken>, now: number): Uint8Array => {
  const out = new Bytes(size(broken.map(({ record }) => record)) * 2)
  for (const { record, error } of broken) {
    out.ascii(
      `{"partition":${record.partition},"offset":${record.offset},"_timestamp":${secondsOf(record, now)},"topic":`
    )
    out.quoted(record.topic)
    out.ascii(`,"raw":`)
    out.quoted(record.value ?? "")
    out.ascii(`,"error":`)
    out.quoted(error)
    out.ascii("}\n")
  }
  return out.done()
}
