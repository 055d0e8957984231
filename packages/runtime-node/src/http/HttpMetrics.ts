/** Counts requests by method, route and status, and how long they took (spec capture 6.1). */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"

const requests = Metric.counter("http_requests_total", { description: "Requests answered", incremental: true })
const seconds = Metric.histogram("http_requests_duration_seconds", {
  description: "From a request's headers to its answer, in seconds",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
})

export interface HttpMetrics {
  /** `path` is a route's pattern, never what a client made up. */
  readonly record: (method: string, path: string, status: number, durationMs: number) => void
}

/** Bound to the registry of the context in which this runs. */
export const make: Effect.Effect<HttpMetrics> = Effect.contextWith((context) =>
  Effect.sync(() => {
    const series = new Map<string, readonly [typeof requests, typeof seconds]>()
    return {
      record: (method, path, status, durationMs) => {
        const key = `${method} ${path} ${status}`
        let found = series.get(key)
        if (found === undefined) {
          const labels = { method, path, status: String(status) }
          found = [Metric.withAttributes(requests, labels), Metric.withAttributes(seconds, labels)]
          series.set(key, found)
        }
        found[0].updateUnsafe(1, context)
        found[1].updateUnsafe(durationMs / 1000, context)
      }
    }
  })
)
