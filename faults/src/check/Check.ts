/**
 * Holds what was acknowledged against what is stored: DESIGN's guarantees 1 to 5, as far as they can be seen from outside.
 * Each finding is a sentence.
 */
import type { LoadEvent } from "../load/LoadEvent.ts"
import * as Expected from "./Expected.ts"
import * as Order from "./Order.ts"
import * as SamePeople from "./SamePeople.ts"
import type { Stored } from "./Stored.ts"

export interface Findings {
  /** Acknowledged events that are neither stored nor dead letters. */
  readonly lost: ReadonlyArray<string>
  /** What PostgreSQL and ClickHouse, or they and the load, do not agree on. */
  readonly differences: ReadonlyArray<string>
  /** Events that were stored, or processed, before one that was acknowledged earlier. */
  readonly outOfOrder: ReadonlyArray<string>
}

/** `acknowledged` is all that was sent, in the order of the answers. */
export const check = (acknowledged: ReadonlyArray<LoadEvent>, stored: Stored): Findings => ({
  lost: lost(acknowledged, stored),
  differences: [
    ...outcomes(acknowledged, stored),
    ...SamePeople.differences(stored),
    ...Expected.differences(acknowledged, stored)
  ],
  outOfOrder: Order.violations(acknowledged, stored)
})

const named = ({ distinctId, event, uuid }: LoadEvent): string => `${event} ${uuid} of ${distinctId}`

const lost = (acknowledged: ReadonlyArray<LoadEvent>, { deadLetters, events, log }: Stored): ReadonlyArray<string> => {
  const kept = new Set([...events, ...deadLetters].map(({ uuid }) => uuid))
  const logged = new Set(log.flat())
  return acknowledged
    .filter(({ uuid }) => !kept.has(uuid))
    .map(
      (event) => `${named(event)} is ${logged.has(event.uuid) ? "in the log, but not stored" : "not even in the log"}`
    )
}

/** Nothing in this load may be refused, and nothing may be there that was not sent or is there twice. */
const outcomes = (
  acknowledged: ReadonlyArray<LoadEvent>,
  { deadLetters, events, unreadable }: Stored
): ReadonlyArray<string> => {
  const sent = new Set(acknowledged.map(({ uuid }) => uuid))
  const seen = new Set<string>()
  const found: Array<string> = []
  for (const { uuid } of events) {
    if (!sent.has(uuid)) found.push(`event ${uuid} is stored, but nobody sent it`)
    if (seen.has(uuid)) found.push(`event ${uuid} is stored twice`)
    seen.add(uuid)
  }
  for (const { reason, uuid } of deadLetters) found.push(`event ${uuid} is a dead letter: ${reason}`)
  for (const error of unreadable) found.push(`a message could not be inserted: ${error}`)
  return found
}
