/**
 * Spans of traces: one for a batch and one for each thing that is done with all of it, never one for an event or a request
 * (docs/operating/metrics.md has the list). Where nobody collects traces (`References.TracerEnabled` is false) there is none.
 */
import * as Effect from "effect/Effect"
import * as References from "effect/References"

type Attributes = Readonly<Record<string, string | number>>

/** What a stack tells, the span's name does, and taking one is most of what a span costs. */
const captureStackTrace = false

/** Runs within a span of its own. */
export const within =
  (name: string, attributes: Attributes = {}) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(References.TracerEnabled, (isEnabled) =>
      isEnabled ? Effect.withSpan(self, name, { attributes, captureStackTrace }) : self
    )
