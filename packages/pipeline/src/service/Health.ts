/** Which engines answer, for readiness and for the one line a minute while one does not (spec worker 6.10). */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"

export interface Trouble {
  /** What is away, in an operator's words: "PostgreSQL", "the log", "ClickHouse". */
  readonly engine: string
  readonly reason: string
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** Who asks an engine, among others that ask the same one: any object of its own. */
export type Asker = object

interface Away {
  reason: string
  since: number
  loggedAt: number
  /** Those that it does not answer; undefined = the one that has no name. Empty when they have all given up. */
  readonly askers: Set<Asker | undefined>
}

export class Health extends Context.Service<
  Health,
  {
    /** The engine does not answer this asker. It is away until each that was told so has been answered, or has given up. */
    readonly down: (engine: string, reason: string, asker?: Asker) => Effect.Effect<void>
    /** It has answered this asker. */
    readonly up: (engine: string, asker?: Asker) => Effect.Effect<void>
    /** This asker does not want to know any more. */
    readonly gaveUp: (engine: string, asker?: Asker) => Effect.Effect<void>
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
    const away = new Map<string, Away>()
    const beats = new Map<string, number>()
    const passing = (reason: string) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        away.set("the program", { reason, since: now, loggedAt: now, askers: new Set([undefined]) })
      })
    return Health.of({
      down: (engine, reason, asker) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const known = away.get(engine) ?? {
            reason,
            since: now,
            loggedAt: Number.NEGATIVE_INFINITY,
            askers: new Set()
          }
          away.set(engine, known)
          if (known.askers.size === 0) known.since = now
          known.askers.add(asker)
          known.reason = reason
          if (now - known.loggedAt < 60_000) return Effect.void
          known.loggedAt = now
          return Effect.logWarning(`${engine} is away: ${reason}`)
        }),
      up: (engine, asker) =>
        Effect.suspend(() => {
          const askers = away.get(engine)?.askers
          if (askers === undefined || !askers.delete(asker) || askers.size > 0) return Effect.void
          away.delete(engine)
          return Effect.logInfo(`${engine} is back`)
        }),
      gaveUp: (engine, asker) => Effect.sync(() => void away.get(engine)?.askers.delete(asker)),
      starting: passing("it is starting"),
      started: Effect.sync(() => void away.delete("the program")),
      stopping: passing("it is stopping"),
      troubles: Effect.sync(() =>
        [...away].flatMap(([engine, { askers, reason, since }]) =>
          askers.size === 0 ? [] : [{ engine, reason, since }]
        )
      ),
      beat: (loop) => Effect.map(Clock.currentTimeMillis, (now) => void beats.set(loop, now)),
      stalled: Effect.map(Clock.currentTimeMillis, (now) =>
        [...beats].filter(([, at]) => now - at > 60_000).map(([loop]) => loop)
      )
    })
  })
}

/** Pauses between tries: 100 ms, doubling with jitter, 10 s at most, without end (spec worker 6.1). */
export const whileAway = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("10 seconds")]).pipe(
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
      const asker = {}
      let failed = false
      return self.pipe(
        Effect.tapError((error) => {
          if (!isAway(error)) return Effect.void
          failed = true
          return health.down(engine, explain(error), asker)
        }),
        Effect.retry({ schedule: whileAway, while: isAway }),
        Effect.onExit((exit) => {
          if (!failed) return Effect.void
          return Exit.hasInterrupts(exit) ? health.gaveUp(engine, asker) : health.up(engine, asker)
        })
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
