/** The outside world in memory: requests are recorded, answers are given by a function. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Outbound, type OutboundError, type OutboundRequest, type OutboundResponse } from "../Outbound.ts"

/** What becomes of a request; it may wait, fail, or answer. */
export type Answer = (request: OutboundRequest) => Effect.Effect<OutboundResponse, OutboundError>

export const ok: OutboundResponse = { status: 200, body: "", retryAfter: undefined }

/** Adds each request to `sent`, in order, and then answers it. Everything may be reached. */
export const layer = (sent: Array<OutboundRequest>, answer: Answer = () => Effect.succeed(ok)): Layer.Layer<Outbound> =>
  Layer.succeed(
    Outbound,
    Outbound.of({
      send: (request) =>
        Effect.suspend(() => {
          sent.push(request)
          return answer(request)
        })
    })
  )
