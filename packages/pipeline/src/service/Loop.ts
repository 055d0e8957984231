/**
 * Loops that live as long as their scope and drain when it closes: the step in hand is finished, within a limit.
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

export interface Loop {
  /** Waits for something to do, unless the loop has been asked to stop: then undefined, and the step should end. */
  readonly orStop: <A, E, R>(wait: Effect.Effect<A, E, R>) => Effect.Effect<A | undefined, E, R>
  readonly isStopping: () => boolean
}

/**
 * Repeats `step` in a fiber of the surrounding scope. When the scope closes, waiting inside `orStop` ends at once, the
 * step in hand goes on to its end, and only after `drain` is it interrupted.
 */
export const run = <R>(
  drain: Duration.Input,
  step: (loop: Loop) => Effect.Effect<void, never, R>
): Effect.Effect<Fiber.Fiber<void>, never, R | Scope.Scope> =>
  Effect.gen(function* () {
    const stop = yield* Deferred.make<void>()
    let stopping = false
    const loop: Loop = {
      isStopping: () => stopping,
      orStop: (wait) =>
        stopping ? Effect.undefined : Effect.raceFirst(wait, Effect.as(Deferred.await(stop), undefined))
    }
    return yield* Effect.acquireRelease(
      step(loop).pipe(
        Effect.repeat({ while: () => !stopping }),
        Effect.asVoid,
        Effect.interruptible,
        Effect.forkDetach
      ),
      (fiber) =>
        Effect.suspend(() => {
          stopping = true
          return Deferred.succeed(stop, undefined)
        }).pipe(Effect.andThen(Fiber.await(fiber)), Effect.timeoutOption(drain), Effect.andThen(Fiber.interrupt(fiber)))
    )
  })

/**
 * The scope of a program's loops: when it closes, all are asked to stop at the same moment, so that none takes anything new while it
 * waits for another, and all drain side by side. The end takes as long as the longest drain.
 */
export const together = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.acquireUseRelease(Scope.make("parallel"), (scope) => Scope.provide(self, scope), Scope.close)
