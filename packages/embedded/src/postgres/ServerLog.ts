/** The file that PostgreSQL's processes write to, and what in it explains an end. */
import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, statSync } from "node:fs"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StartError, systemReason } from "../StartError.ts"

export interface ServerLog {
  readonly path: string
  readonly descriptor: number
  /** What was written since the log was opened, at most the last 64 KiB. */
  readonly text: () => string
  /** Why a program ended before it was of use, in its own words; undefined when it said nothing. */
  readonly whyNotStarted: () => string | undefined
  /** Why a server ended that had been ready. */
  readonly whyEnded: () => string | undefined
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
      const text = () => textFrom(path, from)
      return { path, descriptor, text, whyNotStarted: () => whyNotStarted(text()), whyEnded: () => whyEnded(text()) }
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

/** Hints are left out: on a full disk they speak of corruption. So are clients who knock too early. */
export const whyNotStarted = (text: string): string | undefined =>
  first(text, /(?:(?:FATAL|PANIC):\s+(?!\s|the database system is )|^initdb: error: |^(?=unshare: |setpriv: ))(.*)$/)

/** Only a panic ends a server; what is fatal ends a connection. */
export const whyEnded = (text: string): string | undefined => first(text, /PANIC: +(.*)$/)

const first = (text: string, pattern: RegExp): string | undefined => {
  for (const line of text.split("\n")) {
    const found = pattern.exec(line)?.[1]
    if (found !== undefined) return found
  }
  return undefined
}
