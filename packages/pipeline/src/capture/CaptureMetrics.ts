/** The counters of capture (spec capture 6.1), updated once a request. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { Code } from "./Reply.ts"

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const receivedTotal = counter("capture_events_received_total", "Events that were read from requests")
const ingestedTotal = counter("capture_events_ingested_total", "Events that the log has acknowledged")
const droppedTotal = counter("capture_events_dropped_total", "Events that were not taken, by cause")
const errorsTotal = counter("capture_error_by_stage_and_type", "Requests that were refused, by tag and stage")
const unknownTokensTotal = counter(
  "capture_unknown_token_total",
  "Events taken although their token belongs to no project"
)
const batchSize = Metric.histogram("capture_event_batch_size", {
  description: "Events of a request",
  boundaries: [1, 10, 25, 50, 75, 100, 250, 500, 750, 1000]
})

export interface CaptureMetrics {
  readonly received: (events: number) => void
  readonly ingested: (events: number) => void
  readonly unknownToken: (events: number) => void
  /** A request was refused; with so many events, as far as they were read. */
  readonly refused: (code: Code, stage: "parsing" | "processing", events: number) => void
}

/** Bound to the registry of the context in which this runs. */
export const make: Effect.Effect<CaptureMetrics> = Effect.contextWith((context) =>
  Effect.succeed<CaptureMetrics>({
    received: (events) => {
      receivedTotal.updateUnsafe(events, context)
      batchSize.updateUnsafe(events, context)
    },
    ingested: (events) => ingestedTotal.updateUnsafe(events, context),
    unknownToken: (events) => unknownTokensTotal.updateUnsafe(events, context),
    refused: (error, stage, events) => {
      Metric.withAttributes(errorsTotal, { error, stage }).updateUnsafe(1, context)
      if (events > 0) Metric.withAttributes(droppedTotal, { cause: error }).updateUnsafe(events, context)
    }
  })
)
