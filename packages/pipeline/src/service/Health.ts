/** Which engines answer, for readiness and for the one line a minute while one does not (spec worker 6.10). */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"

export interface Trouble {
  /** What is away, in an operator's words: "PostgreSQL", "the log", "ClickHouse". */
  readonly engine: string
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly since: number
}

export class Health extends Context.Service<
  Health,
  {
    readonly down: (engine: string, reason: string) => Effect.Effect<void>
    readonly up: (engine: string) => Effect.Effect<void>
    /** The program is not ready until `started`, nor after it was asked to end: no trouble to be told in the log. */
    readonly starting: Effect.Effect<void>
    readonly started: Effect.Effect<void>
    readonly stopping: Effect.Effect<void>
    /** Empty = ready. */
    readonly troubles: Effect.Effect<ReadonlyArray<Trouble>>
    /** A loop took a step: liveness wants one within 60 s, and waiting for an engine counts as one. */
    readonly beat: (loop: string) => Effect.Effect<void>
    /** Loops whose last step is older than 60 s. */
    readonly stalled: Effect.Effect<ReadonlyArray<string>>
  }
>()("@tributary/pipeline/Health") {
  static readonly layer = Layer.sync(Health, () => {
    const away = new Map<string, { reason: string; since: number; loggedAt: number }>()
    const beats = new Map<string, number>()
    const passing = (reason: string) =>
      Effect.map(Clock.currentTimeMillis, (now) => void away.set("the program", { reason, since: now, loggedAt: now }))
    return Health.of({
      down: (engine, reason) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const known = away.get(engine)
          if (known !== undefined && now - known.loggedAt < 60_000) {
            known.reason = reason
            return Effect.void
          }
          away.set(engine, { reason, since: known?.since ?? now, loggedAt: now })
          return Effect.logWarning(`${engine} is away: ${reason}`)
        }),
      up: (engine) =>
        Effect.suspend(() => {
          if (!away.delete(engine)) return Effect.void
          return Effect.logInfo(`${engine} is back`)
        }),
      starting: passing("it is starting"),
      started: Effect.sync(() => void away.delete("the program")),
      stopping: passing("it is stopping"),
      troubles: Effect.sync(() => [...away].map(([engine, { reason, since }]) => ({ engine, reason, since }))),
      beat: (loop) => Effect.map(Clock.currentTimeMillis, (now) => void beats.set(loop, now)),
      stalled: Effect.map(Clock.currentTimeMillis, (now) =>
        [...beats].filter(([, at]) => now - at > 60_000).map(([loop]) => loop)
      )
    })
  })
}

/** 100 ms, doubling with jitter, 10 s at most, without end (spec worker 6.1). */
const whileAway = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]).pipe(
  Schedule.jittered
)

/**
 * Tries again without end while `isAway` says that an engine does not answer; other failures pass. Readiness and the log
 * tell of it meanwhile.
 */
export const retryWhileAway =
  <E>(engine: string, isAway: (error: E) => boolean, explain: (error: E) => string) =>
  <A, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Health> =>
    Effect.flatMap(Health, (health) => {
      let failed = false
      return self.pipe(
        Effect.tapError((error) => {
          if (!isAway(error)) return Effect.void
          failed = true
          return health.down(engine, explain(error))
        }),
        Effect.retry({ schedule: whileAway, while: isAway }),
        Effect.tap(() => (failed ? health.up(engine) : Effect.void))
      )
    })

/** Tries again until the engine is back, whatever the failure is. */
export const untilBack =
  <E>(engine: string, explain: (error: E) => string) =>
  <A, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, never, R | Health> =>
    // Every failure is tried again without end, so none is left.
    Effect.orDie(retryWhileAway<E>(engine, () => true, explain)(self))

/** Beats every 20 s while `self` runs: long work, and waiting for an engine, count as steps (spec worker 6.10). */
export const beating =
  (loop: string) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Health> =>
    Effect.raceFirst(
      self,
      Health.use((health) => Effect.forever(Effect.andThen(Effect.sleep("20 seconds"), health.beat(loop))))
    )
