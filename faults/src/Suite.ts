/** One run: an assembly under load, faults one after the other, then quiet, and what is stored held against what was sent. */
import * as Chance from "@tributary/pipeline/simulate/machine/Chance"
import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Assembly, AssemblyError, type Definition } from "./Assembly.ts"
import * as Check from "./check/Check.ts"
import * as Load from "./load/Load.ts"
import type { Fault } from "./Plan.ts"
import * as Recovery from "./Recovery.ts"
import * as ReadStored from "./stores/ReadStored.ts"

export interface Options<Kind extends string> {
  readonly folder: string
  readonly seed: number
  readonly faults: ReadonlyArray<Fault<Kind>>
}

const producers = 4
const eventsPerSecond = 300
/** Within which everything has to happen. PostgreSQL, killed again and again, is started after half a minute at most. */
const patienceMs = 180_000

export const run = <Kind extends string>(
  { start }: Definition<Kind>,
  { faults, folder, seed }: Options<Kind>
): Effect.Effect<Check.Findings, Load.LoadError | AssemblyError, Scope.Scope> =>
  Effect.gen(function* () {
    const assembly = yield* start(folder)
    yield* within("the first start", Effect.raceFirst(assembly.ready, assembly.failure))
    const { captures, token } = assembly
    const load = yield* Load.start({ captures, token, seed, producers, eventsPerSecond })
    const checked = Effect.gen(function* () {
      const recoveries = yield* injectAll(assembly, load, faults, Chance.make(seed, "victims"))
      for (const line of Recovery.summary(recoveries)) yield* Console.log(line)
      yield* within("the last requests", load.stop)
      yield* Console.log(`${load.acknowledged.length} events acknowledged; waiting until everything has drained`)
      const left = yield* drain(assembly)
      const { differences, ...findings } = Check.check(load.acknowledged, yield* ReadStored.read(assembly))
      return { ...findings, differences: [...left.map((line) => `not drained: ${line}`), ...differences] }
    })
    return yield* checked.pipe(
      Effect.raceFirst(assembly.failure),
      Effect.raceFirst(load.failure),
      Effect.provide(ReadStored.clickhouse(assembly))
    )
  })

/** Lets each fault happen in its turn, and tells how it went; answers with those that were waited for. */
const injectAll = Effect.fnUntraced(function* <Kind extends string>(
  assembly: Assembly<Kind>,
  load: Load.Load,
  faults: ReadonlyArray<Fault<Kind>>,
  chance: Chance.Chance
) {
  const began = yield* Clock.currentTimeMillis
  const recoveries: Array<Recovery.Recovery> = []
  for (const [index, { afterMs, isOvertaken, kind }] of faults.entries()) {
    yield* Effect.sleep(afterMs)
    const at = yield* Clock.currentTimeMillis
    const done = yield* within(kind, assembly.inject[kind](chance))
    const recovery = isOvertaken ? undefined : { kind, ...(yield* within(kind, recover(load, at))) }
    if (recovery !== undefined) recoveries.push(recovery)
    const place = `${index + 1}/${faults.length} ${kind} at ${Recovery.inSeconds(at - began)} (${done})`
    const outcome = recovery === undefined ? "overtaken by the next" : Recovery.describe(recovery)
    yield* Console.log(`${place}: ${outcome}; ${load.acknowledged.length} events acknowledged so far`)
  }
  return recoveries
})

/** Waits until events that are sent now have gone all the way; answers with how long that took since the fault. */
const recover = Effect.fnUntraced(function* (load: Load.Load, faultAt: number) {
  const uuids = (yield* load.next).map(({ uuid }) => uuid)
  const acknowledgedMs = (yield* Clock.currentTimeMillis) - faultAt
  yield* Effect.repeat(Effect.delay(ReadStored.areQueryable(uuids), "50 millis"), { until: (found) => found })
  return { acknowledgedMs, queryableMs: (yield* Clock.currentTimeMillis) - faultAt }
})

/** Waits until nothing is on its way, or patience ends; answers with what is left. */
const drain = Effect.fnUntraced(function* (assembly: Assembly) {
  const until = (yield* Clock.currentTimeMillis) + patienceMs
  for (;;) {
    const waiting = yield* Effect.catch(assembly.waiting, ({ reason }) => Effect.succeed([reason]))
    if (waiting.length === 0 || (yield* Clock.currentTimeMillis) > until) return waiting
    yield* Effect.sleep("250 millis")
  }
})

const within = <A, E, R>(what: string, wait: Effect.Effect<A, E, R>): Effect.Effect<A, E | AssemblyError, R> =>
  Effect.timeoutOrElse(wait, {
    duration: patienceMs,
    orElse: () =>
      Effect.fail(new AssemblyError({ reason: `${what}: not overcome within ${Recovery.inSeconds(patienceMs)}` }))
  })
