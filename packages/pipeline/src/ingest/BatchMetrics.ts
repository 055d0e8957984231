/** How batches go, by lane: sizes, durations, and how far behind the log's end they are in time. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { LogRecord } from "../service/LogMessage.ts"

const seconds = Metric.histogram("ingestion_batch_duration_seconds", {
  description: "From the first look at a batch to the commit of its positions, in seconds",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
})
const messages = Metric.histogram("ingestion_batch_messages", {
  description: "Messages of a batch",
  boundaries: [1, 10, 50, 100, 250, 500, 1000, 2500, 5000, 10_000]
})
const behind = Metric.gauge("ingestion_behind_seconds", {
  description:
    "Age of the newest message of the last batch when it was done, in seconds: time behind, where messages wait"
})

/** Runs the work of a batch and counts it. */
export const counted = <A, E, R>(
  lane: string,
  records: ReadonlyArray<LogRecord>,
  work: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const result = yield* work
    const now = yield* Clock.currentTimeMillis
    const newest = records.reduce((latest, { timestamp }) => Math.max(latest, timestamp), 0)
    yield* Metric.update(Metric.withAttributes(seconds, { lane }), (now - began) / 1000)
    yield* Metric.update(Metric.withAttributes(messages, { lane }), records.length)
    yield* Metric.update(Metric.withAttributes(behind, { lane }), Math.max(0, now - newest) / 1000)
    return result
  })
