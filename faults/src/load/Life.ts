/**
 * All events of one user, in the order in which they are to be sent: anonymous at first, then identified, then with an alias,
 * and perhaps joined with another user. Or a visitor without a person.
 */
import type { Properties } from "@tributary/domain/event/Properties"
import type { Chance } from "@tributary/pipeline/simulate/machine/Chance"
import { firstKey, type LoadEvent, turnKey } from "./LoadEvent.ts"

export type Life = ReadonlyArray<LoadEvent>

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** Users are told apart by their numbers. Joins only users of a smaller number, whoever sends theirs. */
export const make = (user: number, chance: Chance): Life => {
  const events: Array<LoadEvent> = []
  const turns = new Map<string, number>()
  const add = (event: Omit<LoadEvent, "uuid">): void => {
    events.push({ uuid: `${hex(user, 8)}-0000-7000-8000-${hex(events.length, 12)}`, ...event })
  }

  /** An event that takes its distinct id's next turn. */
  const set = (distinctId: string, event: string, more: Properties = {}, partner?: string): void => {
    const turn = turns.get(distinctId) ?? 0
    turns.set(distinctId, turn + 1)
    const properties = {
      ...more,
      $set: { [turnKey(distinctId, turn)]: turn, plan: chance.pick(["free", "team", "enterprise"]) },
      $set_once: { [firstKey(distinctId)]: turn }
    }
    add({ distinctId, event, properties, turn, isPersonless: false, ...(partner === undefined ? {} : { partner }) })
  }
  const group = (distinctId: string, type: string, size: number): void => {
    const key = `${type}-${user}`
    const properties = { $group_type: type, $group_key: key, $group_set: { size, name: `Group ${key}` } }
    add({ distinctId, event: "$groupidentify", properties, group: { type, key, size }, isPersonless: false })
  }
  const look = (distinctIds: ReadonlyArray<string>, atMost: number): void => {
    for (let left = 1 + chance.int(atMost); left > 0; left--) {
      set(chance.pick(distinctIds), chance.pick(["$pageview", "signed up", "$set"]), { price: chance.int(1000) })
    }
  }

  if (chance.happens(0.15)) {
    for (let left = 5 + chance.int(20); left > 0; left--) {
      const properties = { $process_person_profile: false, price: chance.int(1000) }
      add({ distinctId: `visitor-${user}`, event: "$pageview", properties, isPersonless: true })
    }
    return events
  }
  const [anonymous, known, alias] = [`anonymous-${user}`, `user-${user}`, `alias-${user}`]
  look([anonymous], 5)
  set(known, "$identify", { $anon_distinct_id: anonymous }, anonymous)
  look([anonymous, known], 8)
  group(known, chance.pick(["company", "team"]), 1)
  look([known], 3)
  if (chance.happens(0.5)) look([alias], 3)
  set(known, "$create_alias", { alias }, alias)
  look([anonymous, known, alias], 8)
  for (const size of [2, 3, 5].slice(chance.int(4))) group(known, "company", size)
  if (user > 0 && chance.happens(0.3)) {
    const other = `user-${chance.int(user)}`
    set(known, "$merge_dangerously", { alias: other }, other)
  }
  look([anonymous, known, alias], 12)
  return events
}
