/**
 * The records of a batch as one history: those of each partition in log order, and the partitions beside each other by time.
 *
 * A poll gathers partition by partition. But of warnings that are told once an hour the first is told, of six group types the
 * first five are registered, and merges of one person over several partitions are applied as they come.
 */
import type { LogRecord } from "../service/LogMessage.ts"

/** Records of one topic. What carries the same time keeps the order in which it came. */
export const byTime = (records: ReadonlyArray<LogRecord>): ReadonlyArray<LogRecord> => {
  const latest = new Map<number, number>()
  return records
    .map((record) => {
      // Clocks step back; a record never goes before the one that its partition holds before it.
      const time = Math.max(latest.get(record.partition) ?? record.timestamp, record.timestamp)
      latest.set(record.partition, time)
      return { record, time }
    })
    .sort((a, b) => a.time - b.time)
    .map(({ record }) => record)
}
