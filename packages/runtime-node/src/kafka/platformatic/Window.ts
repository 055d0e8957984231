/**
 * What was fetched of the partitions of one assignment and not handed out yet, and how far each partition is: the offset that
 * comes next, and what is committed. Bounded by who fills it.
 */
import type { Position } from "@tributary/domain/event/Position"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as CommitTime from "../CommitTime.ts"
import { keyOf, type Place } from "../ConsumerMetrics.ts"
import type * as Lag from "../Lag.ts"

export interface Start extends Place {
  /** Offset of the first record wanted: what lies before it counts as committed, also where a log was cut below a commit. */
  readonly next: bigint
}

interface Reading extends Place {
  queue: Array<LogRecord>
  /** Of the queue: what is before it was handed out. */
  first: number
  /** Of the record that must be added next. */
  next: bigint
  committed: bigint
  /** The last record that was handed out. */
  last: LogRecord | undefined
  readonly time: CommitTime.CommitTime
}

export interface Window {
  readonly start: (starts: ReadonlyArray<Start>) => void
  /** Takes a record; one that was added before, or of another partition, is dropped. */
  readonly add: (record: LogRecord) => void
  readonly messages: () => number
  /** Of values. */
  readonly bytes: () => number
  /** So many messages and bytes at most, but one message at least: equal shares of the partitions first. */
  readonly take: (maxMessages: number, maxBytes: number) => ReadonlyArray<LogRecord>
  /** Those that are handed out, and higher than what is committed. */
  readonly committable: (positions: ReadonlyArray<Position>) => ReadonlyArray<Position>
  readonly committed: (positions: ReadonlyArray<Position>) => void
  /** How far each partition is. */
  readonly progress: () => ReadonlyArray<Lag.Reading>
}

const sizeOf = ({ value }: LogRecord): number => value?.length ?? 0

export const make = (onGap: (place: Place, from: bigint, to: bigint) => void): Window => {
  const readings = new Map<string, Reading>()
  let messages = 0
  let bytes = 0

  const taken = (reading: Reading): LogRecord => {
    const record = reading.queue[reading.first++]!
    if (reading.first === reading.queue.length) {
      reading.queue = []
      reading.first = 0
    }
    reading.last = record
    messages--
    bytes -= sizeOf(record)
    return record
  }

  return {
    start: (starts) => {
      readings.clear()
      messages = 0
      bytes = 0
      for (const { next, partition, topic } of starts) {
        const time = CommitTime.make()
        const reading = { topic, partition, queue: [], first: 0, next, committed: next, last: undefined, time }
        readings.set(keyOf(reading), reading)
      }
    },
    add: (record) => {
      const reading = readings.get(keyOf(record))
      if (reading === undefined || record.offset < reading.next) return
      if (record.offset > reading.next) onGap(reading, reading.next, record.offset)
      reading.next = record.offset + 1n
      reading.time.fetched(record.timestamp)
      reading.queue.push(record)
      messages++
      bytes += sizeOf(record)
    },
    messages: () => messages,
    bytes: () => bytes,
    take: (maxMessages, maxBytes) => {
      const records: Array<LogRecord> = []
      let size = 0
      const all = [...readings.values()].filter(({ queue }) => queue.length > 0)
      const equal = Math.max(1, Math.floor(maxMessages / Math.max(1, all.length)))
      for (const share of [equal, maxMessages]) {
        for (const reading of all) {
          let count = 0
          for (; count < share && reading.first < reading.queue.length; count++) {
            const more = sizeOf(reading.queue[reading.first]!)
            if (records.length === maxMessages || (records.length > 0 && size + more > maxBytes)) break
            size += more
            records.push(taken(reading))
          }
          if (count > 0 && reading.last !== undefined) reading.time.handedOut(reading.last)
        }
      }
      // Another one comes first next time, so that none is last for ever where bytes end a batch.
      const [first] = all
      if (first !== undefined) {
        readings.delete(keyOf(first))
        readings.set(keyOf(first), first)
      }
      return records
    },
    committable: (positions) =>
      positions.filter((position) => {
        const reading = readings.get(keyOf(position))
        return reading?.last !== undefined && position.offset > reading.committed
      }),
    committed: (positions) => {
      for (const position of positions) {
        const reading = readings.get(keyOf(position))
        if (reading === undefined || position.offset <= reading.committed) continue
        reading.committed = position.offset
        reading.time.committed(position.offset)
      }
    },
    progress: () =>
      [...readings.values()].map(({ committed, next, partition, time, topic }) => ({
        topic,
        partition,
        next,
        committed,
        since: time.since()
      }))
  }
}
