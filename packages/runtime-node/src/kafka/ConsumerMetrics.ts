/** What is counted of consumers of Kafka, whatever the client. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

export interface Place {
  readonly topic: string
  readonly partition: number
}

export const keyOf = ({ partition, topic }: Place): string => `${topic}:${partition}`

const lagMessages = Metric.gauge("kafka_consumer_lag_messages", {
  description: "Messages of a partition that the consumer group has not committed"
})
const lagMs = Metric.gauge("kafka_consumer_lag_ms", {
  description:
    "Milliseconds since the last committed message of a partition was appended, or since nothing waited; 0 when all is committed"
})
const gaps = Metric.counter("kafka_consumer_gap_messages_total", {
  description: "Messages that were gone before they were read, by retention or loss",
  incremental: true
})
const rebalances = Metric.counter("kafka_consumer_rebalances_total", {
  description: "Assignments of partitions to a consumer",
  incremental: true
})
const fenced = Metric.counter("kafka_consumer_fenced_commits_total", {
  description: "Commits refused because the partitions had been assigned anew",
  incremental: true
})

const of = (group: string, { partition, topic }: Place) => ({ group, topic, partition: String(partition) })

/** Without `ms`, which nobody knows then, time behind stays as it was told before, if it was. */
export const lag = (
  group: string,
  place: Place,
  { messages, ms }: { readonly messages: number; readonly ms: number | undefined }
): Effect.Effect<void> =>
  Effect.andThen(
    Metric.update(Metric.withAttributes(lagMessages, of(group, place)), messages),
    ms === undefined ? Effect.void : Metric.update(Metric.withAttributes(lagMs, of(group, place)), ms)
  )

/** Counts and tells of messages that are not there any more. */
export const gap = (group: string, place: Place, from: bigint, to: bigint): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(gaps, of(group, place)), Number(to - from)).pipe(
    Effect.andThen(
      Effect.logError(
        `partition ${place.partition} of ${place.topic} goes on at ${to} where ${group} wanted ${from}: what lies between is gone`
      )
    )
  )

export const rebalanced = (group: string): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(rebalances, { group }), 1)

export const fencedCommit = (group: string): Effect.Effect<void> =>
  Metric.update(Metric.withAttributes(fenced, { group }), 1)
