/** Whether a program can do its work, for load balancers and operators (spec capture 1.6, worker 6.10). */
import type { Health } from "@tributary/pipeline/service/Health"
import * as Effect from "effect/Effect"
import { type Answer, json } from "./Answer.ts"

/** 200 while the process answers and each of its loops took a step within a minute. */
export const liveness = (health: Health["Service"]): Effect.Effect<Answer> =>
  Effect.map(health.stalled, (loops) =>
    loops.length === 0 ? json(200, { status: "ok" }) : json(503, { status: "stalled", loops })
  )

/** 503 with the reasons while an engine is away or the program is stopping. */
export const readiness = (health: Health["Service"]): Effect.Effect<Answer> =>
  Effect.map(health.troubles, (troubles) =>
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
