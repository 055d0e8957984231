/** A program that is started, killed and started again, and does not outlive the scope. What it prints goes to a file. */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { AssemblyError } from "../Assembly.ts"

export interface Options {
  readonly file: URL
  readonly nodeOptions?: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
  /** Path of the file that gets its output, run after run. */
  readonly log: string
}

export interface Program {
  /** A new run; the one before must have ended. */
  readonly start: Effect.Effect<void>
  /** Sends SIGKILL and waits for the end. */
  readonly kill: Effect.Effect<void>
  /** Sends SIGTERM and waits for the end; answers with how it came. After a minute it is killed. */
  readonly stop: Effect.Effect<string>
  /** Fails when a run ends that was neither killed nor stopped. */
  readonly failure: Effect.Effect<never, AssemblyError>
}

interface Run {
  readonly child: ChildProcess
  readonly ended: Deferred.Deferred<string>
  isAskedToEnd: boolean
}

export const make = (options: Options): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    const failed = yield* Deferred.make<never, AssemblyError>()
    let run: Run | undefined

    const end = (signal: NodeJS.Signals): Effect.Effect<string> =>
      Effect.suspend(() => {
        if (run === undefined) return Effect.succeed("nothing ran")
        run.isAskedToEnd = true
        run.child.kill(signal)
        return Deferred.await(run.ended)
      })
    const stop = end("SIGTERM").pipe(
      Effect.timeoutOrElse({
        duration: "1 minute",
        orElse: () => Effect.map(end("SIGKILL"), () => "had to be killed after a minute")
      })
    )
    yield* Effect.addFinalizer(() => stop)

    return {
      start: Effect.sync(() => {
        run = begin(options, (how) => {
          const reason = `${fileURLToPath(options.file)} ended by itself (${how}); its output is in ${options.log}`
          Deferred.doneUnsafe(failed, Effect.fail(new AssemblyError({ reason })))
        })
      }),
      kill: Effect.asVoid(end("SIGKILL")),
      stop,
      failure: Deferred.await(failed)
    }
  })

const begin = ({ environment, file, log, nodeOptions = [] }: Options, endedByItself: (how: string) => void): Run => {
  const output = openSync(log, "a")
  const child = spawn(process.execPath, [...nodeOptions, fileURLToPath(file)], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", output, output],
    // Out of the terminal's reach: Ctrl-C is ours, and the scope's end then stops it in order.
    detached: true
  })
  closeSync(output)
  const run: Run = { child, ended: Deferred.makeUnsafe(), isAskedToEnd: false }
  const end = (how: string): void => {
    Deferred.doneUnsafe(run.ended, Effect.succeed(how))
    if (!run.isAskedToEnd) endedByItself(how)
  }
  child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`))
  child.once("error", (error) => end(error.message))
  return run
}
