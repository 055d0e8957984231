/** Whether a program of ours does its work, asked over HTTP. */
import * as Effect from "effect/Effect"

/** Whether the URL answers, and with success. */
export const isOk = (url: string): Effect.Effect<boolean> =>
  Effect.promise((signal) =>
    fetch(url, { signal }).then(
      ({ ok }) => ok,
      () => false
    )
  )

/** Asks ten times a second until it does. */
export const untilOk = (url: string): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.delay(isOk(url), "100 millis"), { until: (yes) => yes }))
