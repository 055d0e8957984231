/** Reading and writing the event log in contract tests. */
import { EventLog, type Polled, type SubscribeOptions, type Subscription } from "@tributary/pipeline/service/EventLog"
import type { LogMessage, LogRecord } from "@tributary/pipeline/service/LogMessage"
import { Producer } from "@tributary/pipeline/service/Producer"
import { Effect } from "effect"

/** A name that no other test uses: layers, and servers, are shared. */
export const unique = (name: string) => `${name}_${crypto.randomUUID().replaceAll("-", "")}`

export const aMessage = (topic: string, partial: Partial<LogMessage> = {}): LogMessage => ({
  topic,
  key: "token:user",
  value: "{}",
  headers: [],
  ...partial
})

export const send = (messages: ReadonlyArray<LogMessage>) => Producer.use((producer) => producer.send(messages))

export const subscribe = (group: string, topics: ReadonlyArray<string>, partial: Partial<SubscribeOptions> = {}) =>
  EventLog.use((log) =>
    log.subscribe({ group, topics, maxMessages: 500, maxBytes: 16_000_000, gatherMs: 0, ...partial })
  )

/** Polls until so many records have come; the batches as they came. */
export const batches = Effect.fnUntraced(function* (subscription: Subscription, count: number) {
  const read: Array<ReadonlyArray<LogRecord>> = []
  for (let left = count; left > 0; ) {
    const polled = yield* subscription.poll
    if (polled._tag !== "Records") continue
    read.push(polled.records)
    left -= polled.records.length
  }
  return read
})

export const records = (subscription: Subscription, count: number) =>
  Effect.map(batches(subscription, count), (read) => read.flat())

/** Polls until all four partitions of its topic are assigned. */
export const assignments = Effect.fnUntraced(function* (subscription: Subscription, count: number) {
  const assigned: Array<Extract<Polled, { _tag: "Assigned" }>["partitions"][number]> = []
  while (assigned.length < count) {
    const polled = yield* subscription.poll
    if (polled._tag === "Assigned") assigned.push(...polled.partitions)
  }
  return assigned.sort((a, b) => a.partition - b.partition)
})

/** The first so many records of a topic, in a group of their own. */
export const firstOf = (topic: string, count: number) =>
  Effect.scoped(Effect.flatMap(subscribe(unique("reader"), [topic]), (subscription) => records(subscription, count)))

export const after = (read: ReadonlyArray<LogRecord>) =>
  read.map(({ offset, partition, topic }) => ({ topic, partition, offset: offset + 1n }))

const decoder = new TextDecoder()

export const textOf = (bytes: Uint8Array | null): string | null => (bytes === null ? null : decoder.decode(bytes))
