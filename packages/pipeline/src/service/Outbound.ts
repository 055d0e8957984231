/** HTTP to the outside world, on behalf of customers who choose the address (spec cdp 3.4, 3.5). */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

export interface OutboundRequest {
  readonly url: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  /** Not sent with GET and HEAD. */
  readonly body: string | undefined
}

export interface OutboundResponse {
  readonly status: number
  /** Text, cut off at 256 kB. */
  readonly body: string
  /** The header `Retry-After` as it came. */
  readonly retryAfter: string | undefined
}

/**
 * No answer. `NotAllowed`: the address is private, or the URL or its scheme is none of ours; it was not sent and never
 * will be. `Connect`, `Timeout`, `Network`: again later may help.
 */
export class OutboundError extends Schema.TaggedError<OutboundError>()("OutboundError", {
  reason: Schema.Literals(["NotAllowed", "Connect", "Timeout", "Network"]),
  /** For the project's owner. */
  detail: Schema.String
}) {}

/**
 * Sends one request and reads its answer, whatever the status. Reaches public addresses only, and those that the
 * operator allows; looks at the very address that it connects to. Redirects are not followed. At most 10 s in all, 3 s
 * of them to connect. A connection that breaks is tried once more at once.
 */
export class Outbound extends Context.Service<
  Outbound,
  { readonly send: (request: OutboundRequest) => Effect.Effect<OutboundResponse, OutboundError> }
>()("@tributary/pipeline/Outbound") {}
