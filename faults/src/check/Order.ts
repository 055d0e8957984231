/**
 * Guarantee 2: the events of a distinct id are in the log in the order in which they were acknowledged, and are processed in
 * that order. A producer may have sent one twice, so an event may follow itself; and a repeated row may show its person as it
 * was later, so a turn may be followed by later ones.
 */
import type { LoadEvent } from "../load/LoadEvent.ts"
import { turnKey } from "../load/LoadEvent.ts"
import type { Stored } from "./Stored.ts"

export const violations = (acknowledged: ReadonlyArray<LoadEvent>, stored: Stored): ReadonlyArray<string> => {
  const sent = new Map(acknowledged.map((event, place) => [event.uuid, { event, place }]))
  const found: Array<string> = []
  for (const partition of stored.log) {
    const last = new Map<string, number>()
    for (const uuid of partition) {
      const one = sent.get(uuid)
      if (one === undefined) continue
      const { distinctId } = one.event
      if (one.place < (last.get(distinctId) ?? -1)) found.push(`event ${uuid} of ${distinctId} is too late in the log`)
      else last.set(distinctId, one.place)
    }
  }
  for (const { distinctId, personProperties, uuid } of stored.events) {
    const turn = sent.get(uuid)?.event.turn
    if (turn === undefined) continue
    const own = personProperties[turnKey(distinctId, turn)]
    if (own !== turn) found.push(`event ${uuid} is turn ${turn} of ${distinctId} and shows ${JSON.stringify(own)}`)
    if (turn === 0) continue
    const before = personProperties[turnKey(distinctId, turn - 1)]
    if (typeof before === "number" && before >= turn - 1) continue
    found.push(`event ${uuid} is turn ${turn} of ${distinctId} and shows ${JSON.stringify(before)} as the one before`)
  }
  return found
}
