/** What goes into the event log and what comes out of it. */
import type { Position } from "@tributary/domain/event/Position"

/** Headers in order; a name may occur twice, then the last one counts. Text means UTF-8; bytes only where it is not. */
export type Headers = ReadonlyArray<readonly [name: string, value: string | Uint8Array | null]>

/** A message to be appended. Texts are sent as UTF-8. A null key goes to any partition. */
export interface LogMessage {
  readonly topic: string
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array
  readonly headers: Headers
}

/** A message as the log holds it. */
export interface LogRecord extends Position {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: Headers
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  /** True where the group's progress was past it when its partition was taken over (spec worker 2.7). */
  readonly wasApplied?: boolean
}

/** The text of the last header of that name; undefined where there is none, or none with a value. */
export const header = (headers: Headers, name: string): string | undefined => {
  for (let i = headers.length - 1; i >= 0; i--) {
    const pair = headers[i]
    if (pair !== undefined && pair[0] === name) {
      const value = pair[1]
      return value === null ? undefined : typeof value === "string" ? value : new TextDecoder().decode(value)
    }
  }
  return undefined
}
