/** The file that a server's processes print to. */
import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from "node:fs"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StartError, systemReason } from "../StartError.ts"

export interface OutputLog {
  readonly path: string
  readonly descriptor: number
  /** What was written since the log was opened, at most the last 64 KiB. */
  readonly text: () => string
}

/** Bytes after which the file is put aside at the next start, in place of the one put aside before. */
const fullBytes = 16 * 1024 * 1024

/** Opens the log for one run, to append. */
export const open = (path: string): Effect.Effect<OutputLog, StartError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        if (existsSync(path) && statSync(path).size > fullBytes) renameSync(path, `${path}.1`)
        return openSync(path, "a", 0o600)
      },
      catch: (cause) => new StartError({ message: `${path} cannot be written: ${systemReason(cause)}` })
    }),
    (descriptor) => Effect.sync(() => closeSync(descriptor))
  ).pipe(
    Effect.map((descriptor) => {
      const from = fstatSync(descriptor).size
      return { path, descriptor, text: () => textFrom(path, from) }
    })
  )

const textFrom = (path: string, from: number): string => {
  const file = openSync(path, "r")
  try {
    const start = Math.max(from, fstatSync(file).size - 64 * 1024)
    const bytes = Buffer.alloc(64 * 1024)
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, start)).toString("utf8")
  } finally {
    closeSync(file)
  }
}
