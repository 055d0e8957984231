/** One of our programs as a process of its own, and what it says. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { Deferred, Effect } from "effect"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** On standard output, and on standard error. */
  readonly printed: string
  readonly errors: string
}

export interface Running {
  readonly pid: number
  readonly ended: Effect.Effect<Ended>
  /** Waits until it has printed the text, on either output; fails the test when it ends before. Answers with its standard output. */
  readonly said: (text: string) => Effect.Effect<string>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<Ended>
}

interface World {
  /** All that it gets of an environment, beside `PATH`. */
  readonly environment: Readonly<Record<string, string>>
}

export interface Options extends World {
  /** Of `apps`: `standalone`, `stack`, `capture`, `worker`. */
  readonly app: string
  readonly args?: ReadonlyArray<string>
}

/** Killed with the scope, if it is still there. */
export const run = ({ app, args = [], environment }: Options) =>
  launch({ args: [join(import.meta.dirname, "../../..", app, "src/main.ts"), ...args], environment })

export interface LaunchOptions extends World {
  /** Of Node. */
  readonly args: ReadonlyArray<string>
  readonly cwd?: string
}

/** Node with any arguments. Killed with the scope, if it is still there. */
export const launch = ({ args, cwd = process.cwd(), environment }: LaunchOptions) =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<Ended>()
    const waiting = new Map<Deferred.Deferred<void>, string>()
    let [printed, errors] = ["", ""]
    const hasSaid = (text: string) => printed.includes(text) || errors.includes(text)
    const heard = (): void => {
      for (const [done, text] of waiting) if (hasSaid(text)) Deferred.doneUnsafe(done, Effect.void)
    }
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, args, {
          cwd,
          env: { PATH: process.env["PATH"], LOG_FORMAT: "json", ...environment },
          stdio: ["ignore", "pipe", "pipe"]
        })
      ),
      (running) =>
        Effect.andThen(
          Effect.sync(() => running.kill("SIGKILL")),
          Deferred.await(ended)
        )
    )
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      heard()
    })
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString()
      heard()
    })
    child.once("close", (code, signal) => Deferred.doneUnsafe(ended, Effect.succeed({ code, signal, printed, errors })))
    const said = (text: string): Effect.Effect<string> =>
      Effect.suspend(() => {
        if (hasSaid(text)) return Effect.succeed(printed)
        const done = Deferred.makeUnsafe<void>()
        waiting.set(done, text)
        return Effect.raceFirst(
          Effect.map(Deferred.await(done), () => printed),
          Effect.flatMap(Deferred.await(ended), () =>
            Effect.die(new Error(`it ended before it said "${text}": ${errors}${printed}`))
          )
        )
      })
    return {
      pid: child.pid ?? 0,
      ended: Deferred.await(ended),
      said,
      kill: (signal) =>
        Effect.andThen(
          Effect.sync(() => child.kill(signal)),
          Deferred.await(ended)
        )
    } satisfies Running
  })
