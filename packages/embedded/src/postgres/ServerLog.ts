/** The file that PostgreSQL's processes write to, and what in it explains an end. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, renameSync, statSync } from "node:fs"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StartError, systemReason } from "../StartError.ts"

export interface ServerLog {
  readonly path: string
  readonly descriptor: number
  /** What was written since the log was opened. */
  readonly text: () => string
  /** The first line there that says why a program ended, without time and process; undefined when none does. */
  readonly reason: () => string | undefined
}

/** Bytes after which the file is put aside at the next start, in place of the one put aside before. */
const fullBytes = 16 * 1024 * 1024

/** Opens the log for one run, to append. */
export const open = (path: string): Effect.Effect<ServerLog, StartError, Scope.Scope> =>
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
      const text = () => readFileSync(path).subarray(from).toString("utf8")
      return { path, descriptor, text, reason: () => explain(text()) }
    })
  )

/** Hints are left out: on a full disk they speak of corruption. */
export const explain = (text: string): string | undefined => {
  for (const line of text.split("\n")) {
    const found = /(?:(?:FATAL|PANIC):\s+|^initdb: error: |^unshare: |^setpriv: )(.*)$/.exec(line)
    if (found?.[1] !== undefined) return found[1]
  }
  return undefined
}
