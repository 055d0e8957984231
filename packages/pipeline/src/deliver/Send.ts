/**
 * Sends what is due (spec cdp 3.3): leases deliveries as there is room for them, makes one attempt at each, and settles
 * them as they end, many together where many end at once.
 *
 * A function that keeps many attempts waiting is left out until some have ended, so that a slow destination does not take
 * all the room.
 */
import * as Globals from "@tributary/domain/function/Globals"
import { targetOf } from "@tributary/domain/function/HogFunction"
import * as Inputs from "@tributary/domain/function/Inputs"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Away from "../service/Away.ts"
import type { Changes } from "../service/Changes.ts"
import { DeliveryStore, type Leased } from "../service/DeliveryStore.ts"
import * as Divide from "../service/Divide.ts"
import type { EventGroups } from "../service/EventGroups.ts"
import { FunctionStore } from "../service/FunctionStore.ts"
import * as Health from "../service/Health.ts"
import { InHand } from "../service/InHand.ts"
import * as Loop from "../service/Loop.ts"
import type { Outbound } from "../service/Outbound.ts"
import type { Producer } from "../service/Producer.ts"
import type { ProjectStore } from "../service/ProjectStore.ts"
import * as Span from "../service/Span.ts"
import { describe } from "../service/StoreError.ts"
import * as Attempt from "./Attempt.ts"
import * as Report from "./Report.ts"
import * as Surroundings from "./Surroundings.ts"

export interface Options extends Attempt.Options {
  /** Happens when something was enqueued in this process. */
  readonly enqueued: Changes
}

/** Attempts at the same time. */
const room = 64
/** Leased together. */
const atOnce = 16
/** Attempts of one function after which no more of it are leased; with those of one lease, less than half of the room. */
const perFunction = 16
/** Six times what an attempt may take: the rest is for looking things up, and for a slow database. */
const leaseMs = 60_000
/** How soon a delivery is found that another process enqueued, or whose time for another attempt has come. */
const pollEvery = "500 millis"
/** An attempt in hand takes 10 s at most. */
const drain = "15 seconds"
/** For liveness. */
const name = "deliveries"

type Services = FunctionStore | ProjectStore | EventGroups | DeliveryStore | Outbound | Producer | Health.Health

/** Sends until the scope closes; then the attempts in hand are finished. */
export const run = (options: Options): Effect.Effect<void, never, Services | Scope.Scope> =>
  Effect.asVoid(
    Loop.run(drain, (loop) =>
      session(loop, options).pipe(
        Health.beating(name),
        Effect.catchDefect((bug) =>
          Effect.logError("a bug stopped deliveries; they are tried again when their lease ends", bug).pipe(
            Effect.andThen(loop.orStop(Effect.sleep("5 seconds")))
          )
        )
      )
    )
  )

/** Sends for as long as all goes well. A bug ends it, and with it the attempts in hand. */
const session = (loop: Loop.Loop, options: Options) =>
  Effect.gen(function* () {
    const ended = yield* Queue.unbounded<Attempt.Attempted>()
    const { add } = yield* InHand
    const inHand = new Map<string, number>()
    let total = 0
    const changed = options.enqueued

    const count = (id: string, change: 1 | -1): void => {
      total += change
      add("delivery", change)
      const left = (inHand.get(id) ?? 0) + change
      if (left === 0) inHand.delete(id)
      else inHand.set(id, left)
    }

    const lease = Effect.gen(function* () {
      if (total >= room) return []
      const except = [...inHand].filter(([, attempts]) => attempts >= perFunction).map(([id]) => id)
      const limit = Math.min(atOnce, room - total)
      return yield* Away.postgres(DeliveryStore.use((store) => store.claim({ limit, leaseMs, except })))
    })

    const settling = Effect.gen(function* () {
      const attempted = yield* Queue.takeBetween(ended, 1, room)
      yield* settle(attempted)
      for (const { reported } of attempted) count(reported.id, -1)
      changed.happened()
    })

    const leasing = Effect.gen(function* () {
      while (!loop.isStopping()) {
        yield* Health.Health.use((health) => health.beat(name))
        const seen = changed.count()
        const leased = yield* lease
        if (leased.length === 0) {
          yield* loop.orStop(Effect.timeoutOption(changed.after(seen), pollEvery))
          continue
        }
        for (const { function: id } of leased) count(id, 1)
        const round = Effect.forEach(
          yield* attempts(leased, options),
          Effect.flatMap((one) => Queue.offer(ended, one)),
          { concurrency: "unbounded", discard: true }
        )
        yield* Effect.forkChild(round.pipe(Span.within("Deliver.send", countOf(leased))))
      }
      while (total > 0) yield* changed.after(changed.count())
    })

    yield* Effect.raceFirst(leasing, Effect.forever(settling)).pipe(
      Effect.tapDefect(() => Effect.sync(() => add("delivery", -total)))
    )
  })

const countOf = ({ length }: ReadonlyArray<unknown>) => ({ deliveries: length })

/** One attempt at each of these; none of them fails. */
export const attempts = (
  leased: ReadonlyArray<Leased>,
  options: Attempt.Options
): Effect.Effect<
  ReadonlyArray<Effect.Effect<Attempt.Attempted, never, Outbound>>,
  never,
  FunctionStore | ProjectStore | EventGroups | Health.Health
> =>
  Effect.gen(function* () {
    if (leased.length === 0) return []
    const teams = new Set(leased.map(({ team }) => team))
    const { found: functions, refused } = yield* Divide.lookUp(teams, (some) =>
      FunctionStore.use((store) => store.forTeams(some))
    )
    const now = yield* Clock.currentTimeMillis
    const gone: Array<Leased> = []
    const unknown: Array<Leased> = []
    const found: Array<Omit<Attempt.Ready, "surroundings">> = []
    for (const one of leased) {
      if (refused.has(one.team)) {
        unknown.push(one)
        continue
      }
      const loaded = functions.get(one.team)?.destinations.find(({ function: { id } }) => id === one.function)
      const target = loaded === undefined ? undefined : targetOf(loaded.function, one.mapping)
      const message = Globals.parseMessage(one.message)
      if (loaded === undefined || target === undefined || message === undefined) gone.push(one)
      else found.push({ leased: one, loaded, target, message })
    }
    if (gone.length > 0) {
      yield* Effect.logInfo("deliveries whose function is gone are removed", { deliveries: gone.length })
    }
    for (const [team, error] of refused) {
      yield* Effect.logError("functions cannot be read: a project's deliveries wait", { team, cause: describe(error) })
    }
    const surroundings = yield* Surroundings.load(
      found.map(({ message }) => message),
      (index) => Surroundings.inputsNameGroups(found[index]?.target.inputs ?? Inputs.none)
    )
    return [
      ...gone.map((one) => Effect.succeed(Attempt.removed(one))),
      ...unknown.map((one) => Effect.succeed(Attempt.postponed(one, now + leaseMs))),
      ...found.flatMap((one, index) => {
        const around = surroundings[index]
        return around === undefined ? [] : [Attempt.make({ ...one, surroundings: around }, options)]
      })
    ]
  }).pipe(Span.within("Deliver.prepare", countOf(leased)))

/** Writes down what became of attempts, and tells it. */
export const settle = (
  attempted: ReadonlyArray<Attempt.Attempted>
): Effect.Effect<void, never, DeliveryStore | Producer | Health.Health> =>
  Effect.gen(function* () {
    const settlements = attempted.map(({ settlement }) => settlement)
    yield* Away.postgres(DeliveryStore.use((store) => store.settle(settlements)))
    const report = new Report.Report()
    for (const { lines, metrics, reported } of attempted) {
      for (const metric of metrics) report.count(reported, metric)
      report.log(lines)
    }
    yield* Report.publish(report)
  }).pipe(Span.within("Deliver.settle", countOf(attempted)))
