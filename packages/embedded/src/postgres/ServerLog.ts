/** What in the file that PostgreSQL's processes write to explains an end. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as OutputLog from "../process/OutputLog.ts"
import type { StartError } from "../StartError.ts"

export interface ServerLog extends OutputLog.OutputLog {
  /** Why a program ended before it was of use, in its own words; undefined when it said nothing. */
  readonly whyNotStarted: () => string | undefined
  /** Why a server ended that had been ready. */
  readonly whyEnded: () => string | undefined
}

/** Opens the log for one run, to append. */
export const open = (path: string): Effect.Effect<ServerLog, StartError, Scope.Scope> =>
  Effect.map(OutputLog.open(path), (log) => ({
    ...log,
    whyNotStarted: () => whyNotStarted(log.text()),
    whyEnded: () => whyEnded(log.text())
  }))

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
