/** Programs that run once and end by themselves. */
import { execFile } from "node:child_process"
import * as Effect from "effect/Effect"

export interface Ended {
  /** `ENOENT` where the program is not to be found, a signal's name where one ended it. */
  readonly code: number | string
  /** What it printed, standard output first. */
  readonly output: string
}

/** Runs a program to its end; interrupted, it kills it. */
export const run = (program: string, args: ReadonlyArray<string>): Effect.Effect<Ended> =>
  Effect.callback((resume, signal) => {
    execFile(program, args, { signal, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) =>
      resume(Effect.succeed({ code: error === null ? 0 : (error.code ?? error.signal ?? 1), output: stdout + stderr }))
    )
  })
