/** Effect on the machine: a scheduler and a clock for each process, so that its fibers run, sleep, stop and die with it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as References from "effect/References"
import * as Scheduler from "effect/Scheduler"
import type { Chance } from "./Chance.ts"
import type { Machine, Process } from "./Machine.ts"

const schedulerOf = (machine: Machine, process: Process | undefined): Scheduler.Scheduler => ({
  executionMode: "async",
  shouldYield: (fiber) => fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield,
  makeDispatcher: () => ({ scheduleTask: (task) => machine.soon(task, process), flush: () => {} })
})

const clockOf = (machine: Machine, process: Process | undefined): Clock.Clock => {
  const millis = () => machine.now + (process?.clockOffset ?? 0)
  const nanos = () => BigInt(Math.floor(millis())) * 1_000_000n
  const monotonic = () => BigInt(Math.floor(machine.now)) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep: (duration) => {
      const ms = Duration.toMillis(duration)
      if (!Number.isFinite(ms)) return Effect.never
      return Effect.callback((resume) => {
        const timer = machine.after(ms, () => resume(Effect.void), process)
        return Effect.sync(() => machine.cancel(timer))
      })
    }
  }
}

/** Whose fibers these are, and who hears what they log as an error. */
export interface Owner {
  readonly process: Process
  readonly tell: (level: string, text: string) => void
}

const loggerOf = (tell: Owner["tell"]) =>
  Logger.make<unknown, void>(({ logLevel, message }) =>
    tell(logLevel, Array.isArray(message) ? message.map(String).join(" ") : String(message))
  )

/** What the fibers of a process, or without an owner of the world, see: its scheduler, its clock, chance from the seed, no traces. */
export const contextOf = (machine: Machine, chance: Chance, owner?: Owner): Context.Context<never> =>
  Context.empty().pipe(
    Context.add(Scheduler.Scheduler, schedulerOf(machine, owner?.process)),
    Context.add(Clock.Clock, clockOf(machine, owner?.process)),
    Context.add(Random.Random, { nextDoubleUnsafe: chance.next, nextIntUnsafe: () => chance.int(2 ** 31) }),
    Context.add(Metric.MetricRegistry, new Map()),
    Context.add(References.MinimumLogLevel, owner === undefined ? "None" : "Error"),
    Context.add(References.TracerEnabled, false),
    Context.add(Logger.CurrentLoggers, new Set(owner === undefined ? [] : [loggerOf(owner.tell)]))
  )
