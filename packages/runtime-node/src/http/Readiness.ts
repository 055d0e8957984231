/** Whether a program can do its work, and how much of it, for load balancers and operators (spec capture 1.6, worker 6.10). */
import type { Health, Trouble } from "@tributary/pipeline/service/Health"
import * as Effect from "effect/Effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { type Answer, json } from "./Answer.ts"

/** 200 while the process answers and each of its loops took a step within a minute. */
export const liveness = (health: Health["Service"]): Effect.Effect<Answer> =>
  Effect.map(health.stalled, (loops) =>
    loops.length === 0 ? json(200, { status: "ok" }) : json(503, { status: "stalled", loops })
  )

/** 503 with the reasons while an engine is away or the program is stopping. */
export const readiness = (health: Health["Service"]): Effect.Effect<Answer> =>
  Effect.map(health.troubles, (troubles) =>
    troubles.length === 0 ? json(200, { status: "ready" }) : notReady(troubles.map(reasonOf))
  )

/** 503 while the program starts; the engines that it waits for are among the reasons. */
export const starting = (health: Health["Service"]): Effect.Effect<Answer> =>
  Effect.map(health.troubles, (troubles) => notReady([{ reason: "starting" }, ...troubles.map(reasonOf)]))

const reasonOf = ({ engine, reason, since }: Trouble) => ({ engine, reason, since: new Date(since).toISOString() })

const notReady = (reasons: ReadonlyArray<object>): Answer => json(503, { status: "not ready", reasons })

/** Metrics in Prometheus' format. */
export const exposition = (body: string): Answer => ({
  status: 200,
  body,
  contentType: "text/plain; version=0.0.4; charset=utf-8"
})

/** The metrics of this process. */
export const metrics: Effect.Effect<Answer> = Effect.map(PrometheusMetrics.format(), exposition)

/** What a program answers of itself. */
export interface Status {
  readonly liveness: Effect.Effect<Answer>
  readonly readiness: Effect.Effect<Answer>
  readonly metrics: Effect.Effect<Answer>
}

/** Of this process. */
export const status = (health: Health["Service"]): Status => ({
  liveness: liveness(health),
  readiness: readiness(health),
  metrics
})
