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
const lagSeconds = Metric.gauge("kafka_consumer_lag_seconds", {
  description:
    "Seconds since the last committed message of a partition was appended, or since nothing waited; 0 when all is committed"
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

/** The lag of a partition, of which a gap can be seen from then on. Without `ms`, which nobody knows then, time behind stays as it was told before, if it was. */
export const lag = (
  group: string,
  place: Place,
  { messages, ms }: { readonly messages: number; readonly ms: number | undefined }
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const attributes = of(group, place)
    yield* Metric.update(Metric.withAttributes(lagMessages, attributes), messages)
    if (ms !== undefined) yield* Metric.update(Metric.withAttributes(lagSeconds, attributes), ms / 1000)
    yield* Metric.update(Metric.withAttributes(gaps, attributes), 0)
  })

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
