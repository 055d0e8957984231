/** Whether a program can do its work, for load balancers and operators (spec capture 1.6, worker 6.10). */

import { Health } from "@tributary/pipeline/service/Health"
import * as Effect from "effect/Effect"
import { type Answer, json } from "./Answer.ts"

/** The process answers; with loops, each took a step within a minute. */
export const liveness: Effect.Effect<Answer, never, Health> = Effect.map(
  Effect.flatMap(Health, (health) => health.stalled),
  (loops) => (loops.length === 0 ? json(200, { status: "ok" }) : json(503, { status: "stalled", loops }))
)

/** 503 with the reasons while an engine is away or the program is stopping. */
export const readiness: Effect.Effect<Answer, never, Health> = Effect.map(
  Effect.flatMap(Health, (health) => health.troubles),
  (troubles) =>
    troubles.length === 0
      ? json(200, { status: "ready" })
      : json(503, {
          status: "not ready",
          reasons: troubles.map(({ engine, reason, since }) => ({
            engine,
            reason,
            since: new Date(since).toISOString()
          }))
        })
)
