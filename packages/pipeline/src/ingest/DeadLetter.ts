/** The message of the dead-letter topic: original bytes, key and headers, and why it is there (spec worker 6.3). */
import type * as Outcome from "@tributary/domain/event/Outcome"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import { deadLetters } from "@tributary/domain/row/Topics"
import type { LogMessage, LogRecord } from "../service/LogMessage.ts"

const zeroByte = new Uint8Array(1)
/** What is left of a value that even the dead-letter topic refuses. */
const truncatedBytes = 900_000

export const make = (
  record: LogRecord,
  outcome: Outcome.DeadLetter,
  team: number | undefined,
  nowMs: number
): LogMessage => {
  const headers: Array<LogMessage["headers"][number]> = [
    ...record.headers,
    ["dlq_reason", outcome.reason],
    ["dlq_step", outcome.step],
    ["dlq_error", outcome.error],
    ["dlq_timestamp", Timestamp.toIso(nowMs)],
    ["dlq_topic", record.topic],
    ["dlq_partition", String(record.partition)],
    ["dlq_offset", String(record.offset)]
  ]
  if (team !== undefined) headers.push(["dlq_team_id", String(team)])
  // ClickHouse's Kafka tables make no row of no bytes, so an empty value travels as one byte and a header.
  const empty = record.value === null ? "null" : record.value.length === 0 ? "empty" : undefined
  if (empty !== undefined) headers.push(["dlq_empty", empty])
  return {
    topic: deadLetters,
    key: record.key,
    value: record.value === null || record.value.length === 0 ? zeroByte : record.value,
    headers
  }
}

/** The same letter with its value cut; the full length stands in a header. */
export const truncated = (letter: LogMessage): LogMessage => {
  const bytes = typeof letter.value === "string" ? new TextEncoder().encode(letter.value) : letter.value
  return {
    ...letter,
    value: bytes.subarray(0, truncatedBytes),
    headers: [...letter.headers, ["dlq_truncated", String(bytes.length)]]
  }
}
