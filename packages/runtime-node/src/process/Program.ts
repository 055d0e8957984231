/**
 * Runs one of our programs: logs as the operator wants them, one line for whatever ends the start, and an exit code that
 * container platforms understand: 0 after a signal once the drain is complete, 1 after a failure, or when work in hand was
 * abandoned. A drain that does not end is ended here.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as InHand from "@tributary/pipeline/service/InHand"
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import { explain } from "../config/Explain.ts"
import * as Telemetry from "./Telemetry.ts"

/** A signal that comes so soon after the first is the same one: npm and the terminal both deliver it. */
const sameSignalMs = 1_000

/**
 * Milliseconds from a signal to the end of the process, whatever happens: capture gives running requests 30 s, a worker gives its
 * work 18 s, and 8 s are for connections that do not close. Platforms must give more (Kubernetes, compose: 45 s; the stack: 40 s).
 */
export const stopWithinMs = 38_000

/** What is done at once when the process ends without a drain: on a second signal, or when the first had no effect in time. */
export class SecondSignal extends Context.Service<
  SecondSignal,
  { readonly add: (action: Effect.Effect<void>) => Effect.Effect<void> }
>()("@tributary/runtime-node/SecondSignal") {}

const levels = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error", none: "None" } as const
const levelNames = ["trace", "debug", "info", "warn", "error", "none"] as const

/** `LOG_FORMAT`: without it a JSON object a line, but pretty where a program that is started by hand has a terminal. */
export const logFormat = (program: { readonly startedByHand: boolean; readonly hasTerminal: boolean }) =>
  Config.Literals(["pretty", "json"], "LOG_FORMAT").pipe(
    Config.withDefault(program.startedByHand && program.hasTerminal ? ("pretty" as const) : ("json" as const))
  )

/** `LOG_LEVEL` and `LOG_FORMAT`. */
const logging = (startedByHand: boolean) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const level = yield* Config.Literals(levelNames, "LOG_LEVEL").pipe(Config.withDefault("info" as const))
      const format = yield* logFormat({ startedByHand, hasTerminal: process.stdout.isTTY })
      return Layer.merge(
        Logger.layer([format === "pretty" ? Logger.consolePretty() : Logger.consoleJson]),
        Layer.succeed(References.MinimumLogLevel, levels[level])
      )
    })
  )

export interface Options {
  /** What telemetry calls this program. */
  readonly name?: string
  /** On somebody's machine, not by a platform that collects logs: they may be pretty. */
  readonly startedByHand?: boolean
  /** For tests; `stopWithinMs` by default. */
  readonly stopWithinMs?: number
}

/** Runs until the program ends or a signal comes. */
export const run = <E>(
  program: Effect.Effect<unknown, E, Scope.Scope | SecondSignal>,
  { name = "tributary", startedByHand = false, stopWithinMs: withinMs = stopWithinMs }: Options = {}
): void => {
  const atOnce: Array<Effect.Effect<void>> = []
  const inHand = InHand.make()
  watchSignals({ atOnce, inHand, withinMs })
  program.pipe(
    Effect.provideService(SecondSignal, { add: (action) => Effect.sync(() => void atOnce.push(action)) }),
    Effect.provideService(InHand.InHand, inHand),
    Effect.scoped,
    Effect.provide(Layer.provideMerge(Telemetry.layer(name), logging(startedByHand))),
    Effect.tapCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : Console.error(lineOf(cause)))),
    (main) =>
      NodeRuntime.runMain(main, {
        disableErrorReporting: true,
        teardown: (exit, onExit) => {
          const left = inHand.left()
          if (left !== "") console.error(`${left} abandoned: there was no time to finish.`)
          const isComplete = left === "" && (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause))
          onExit(isComplete ? 0 : 1)
        }
      })
  )
}

/** The one line. A bug shows where it is. */
const lineOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasDies(cause)) return Cause.pretty(cause)
  const failure = Cause.squash(cause)
  if (failure instanceof Config.ConfigError) return explain(failure, process.env)
  if (failure instanceof Error)
    return failure.message === "" ? `${failure.name}: ${reasonOf(failure)}` : failure.message
  return Cause.pretty(cause)
}

/** What lies under an error that says nothing itself. */
const reasonOf = ({ cause, message }: Error): string =>
  cause instanceof Error ? reasonOf(cause) : message === "" ? String(cause ?? "it does not say why") : message

interface Ending {
  readonly atOnce: ReadonlyArray<Effect.Effect<void>>
  readonly inHand: ReturnType<typeof InHand.make>
  readonly withinMs: number
}

const watchSignals = ({ atOnce, inHand, withinMs }: Ending): void => {
  let first: number | undefined
  const endAtOnce = (why: string) => {
    const left = inHand.left()
    console.error(`${why}; the next start recovers what was not finished${left === "" ? "" : ` (${left})`}.`)
    for (const action of atOnce) Effect.runSync(action)
    // Ended as if nobody listened, which shells show as 130: an exit in order would run the engines' own clean-up
    // beside their threads, and crash.
    process.removeAllListeners("SIGINT")
    process.kill(process.pid, "SIGINT")
  }
  const onSignal = () => {
    if (first === undefined) {
      first = performance.now()
      setTimeout(() => endAtOnce(`Not stopped within ${withinMs / 1000} s`), withinMs).unref()
    } else if (performance.now() - first >= sameSignalMs) endAtOnce("Stopping at once")
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
}
