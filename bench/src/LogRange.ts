/** What a topic of the log has got since it was last looked at, for checks that two sides did the same work. */
import { createHash } from "node:crypto"
import { type Assignment, EventLog } from "@tributary/pipeline/service/EventLog"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Effect from "effect/Effect"

export interface Summary {
  readonly messages: number
  readonly digest: string
}

/** A sum of hashes: the same for the same contents in any order. */
export const Digest = () => {
  let messages = 0
  let sum = 0n
  return {
    add: (content: string): void => {
      messages++
      sum = BigInt.asUintN(64, sum + createHash("sha1").update(content).digest().readBigUInt64BE())
    },
    summary: (): Summary => ({ messages, digest: sum.toString(16) })
  }
}

/** Offset of the first message that a subscription reads of a partition. */
export const startOf = ({ begin, committed }: Assignment): bigint =>
  committed !== undefined && committed > begin ? committed : begin

/** A consumer group of the bench's own is at the place up to which a topic was looked at. */
const groupOf = (topic: string): string => `bench-${topic}`

/** Number of messages since the last look, and a digest of what `contentOf` says of them that does not depend on their order. */
export const summarise = Effect.fnUntraced(function* (
  topic: string,
  contentOf: (record: LogRecord) => string,
  group: string = groupOf(topic)
) {
  const log = yield* EventLog
  const digest = Digest()
  const subscription = yield* log.subscribe({
    group,
    topics: [topic],
    maxMessages: 2_000,
    maxBytes: 16_000_000,
    gatherMs: 0
  })
  /** By partition that is not read to its end: where that is. */
  const left = new Map<number, bigint>()
  for (let assigned = false; !assigned || left.size > 0; ) {
    const polled = yield* subscription.poll
    if (polled._tag === "Assigned") {
      assigned = true
      for (const assignment of polled.partitions) {
        const until = yield* assignment.end
        if (startOf(assignment) < until) left.set(assignment.partition, until)
      }
    } else if (polled._tag === "Records") {
      const reached = new Map<number, bigint>()
      for (const record of polled.records) {
        digest.add(contentOf(record))
        reached.set(record.partition, record.offset + 1n)
      }
      yield* subscription.commit([...reached].map(([partition, offset]) => ({ topic, partition, offset })))
      for (const [partition, offset] of reached) if (offset >= (left.get(partition) ?? 0n)) left.delete(partition)
    }
  }
  return digest.summary()
}, Effect.scoped)

/** Looks at what is there, so that the next look, or that of another group, begins after it. */
export const pass = (topic: string, group?: string) => Effect.asVoid(summarise(topic, () => "", group))
