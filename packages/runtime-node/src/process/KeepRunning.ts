/** What is started again when it ends unasked, and after what pause: processes of ours, and the engines that we start. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/**
 * Runs a server again and again, with pauses of 0, 1, 2, 4 … 30 s between two ends, from 0 again after a quiet minute.
 * `run` lasts as long as the server does, calls `ready` once it serves, and answers with how it ended. Fails when the first
 * start fails, later when three in a row do. `clean` runs before each further start.
 */
export const keepRunning = <E extends { readonly message: string }>(
  name: string,
  run: (ready: Effect.Effect<void>) => Effect.Effect<string, E>,
  clean: Effect.Effect<void> = Effect.void
): Effect.Effect<never, E> =>
  Effect.gen(function* () {
    let pauseSeconds = 0
    let triesLeft = 1
    const ready = Effect.sync(() => {
      triesLeft = 3
    })
    while (true) {
      const began = yield* Clock.currentTimeMillis
      const reason = yield* run(ready).pipe(
        Effect.catch((error) => (--triesLeft > 0 ? Effect.succeed(error.message) : Effect.fail(error)))
      )
      if ((yield* Clock.currentTimeMillis) - began > 60_000) pauseSeconds = 0
      yield* Effect.logWarning(`${name} ended unasked (${reason}): starting it again in ${pauseSeconds} s`)
      yield* Effect.sleep(pauseSeconds * 1000)
      pauseSeconds = pauseSeconds === 0 ? 1 : Math.min(30, pauseSeconds * 2)
      yield* clean
    }
  })
