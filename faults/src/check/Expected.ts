/**
 * What the load alone knows of people and groups in the end: who is one person with whom, whether identified, what each
 * distinct id set last, and where nobody may be (guarantees 3 and 5).
 */
import type { LoadEvent } from "../load/LoadEvent.ts"
import { firstKey, turnKey } from "../load/LoadEvent.ts"
import * as Joined from "./Joined.ts"
import type { Stored, StoredPerson } from "./Stored.ts"

export const differences = (acknowledged: ReadonlyArray<LoadEvent>, stored: Stored): ReadonlyArray<string> => {
  const joined = Joined.of(acknowledged)
  return [
    ...ownership(joined, stored),
    ...properties(acknowledged, stored),
    ...groups(acknowledged, stored),
    ...shown(acknowledged, stored)
  ]
}

const ownersOf = ({ postgres }: Stored): ReadonlyMap<string, string> =>
  new Map(postgres.mappings.map(({ distinctId, person }) => [distinctId, person]))

/** Each distinct id has its person, it shares it with those that it was joined with, and with nobody else. */
const ownership = (joined: Joined.Joined, stored: Stored): ReadonlyArray<string> => {
  const found: Array<string> = []
  const owners = ownersOf(stored)
  const persons = new Map(stored.postgres.persons.map((person) => [person.uuid, person]))
  const unseen = new Set(owners.keys())
  const holders = new Map<string, string>()
  for (const { distinctIds, isIdentified } of joined) {
    const own = new Set<string>()
    for (const distinctId of distinctIds) {
      unseen.delete(distinctId)
      const owner = owners.get(distinctId)
      if (owner === undefined) found.push(`${distinctId} has no person`)
      else own.add(owner)
    }
    if (own.size > 1) found.push(`${distinctIds.join(", ")} are ${own.size} people, not one`)
    for (const uuid of own) {
      const holder = holders.get(uuid)
      if (holder !== undefined) found.push(`${holder} and ${distinctIds[0]} are one person, but nobody joined them`)
      holders.set(uuid, distinctIds[0] ?? "")
      const person = persons.get(uuid)
      persons.delete(uuid)
      if (person !== undefined && person.isIdentified !== isIdentified) {
        found.push(`person ${uuid} of ${distinctIds[0]} is ${isIdentified ? "not " : ""}identified`)
      }
    }
  }
  for (const distinctId of unseen) found.push(`${distinctId} has a person, but no event asked for one`)
  for (const uuid of persons.keys()) found.push(`person ${uuid} has no distinct id of the load`)
  return found
}

/** The last two turns of each distinct id, and the first one, which was set once. */
const properties = (acknowledged: ReadonlyArray<LoadEvent>, stored: Stored): ReadonlyArray<string> => {
  const owners = ownersOf(stored)
  const persons = new Map<string | undefined, StoredPerson>(
    stored.postgres.persons.map((person) => [person.uuid, person])
  )
  const last = new Map<string, number>()
  for (const { distinctId, turn } of acknowledged) if (turn !== undefined) last.set(distinctId, turn)
  const found: Array<string> = []
  for (const [distinctId, turn] of last) {
    const person = persons.get(owners.get(distinctId))
    if (person === undefined) continue
    const wanted: ReadonlyArray<readonly [string, number]> = [
      [firstKey(distinctId), 0],
      [turnKey(distinctId, turn), turn],
      ...(turn === 0 ? [] : [[turnKey(distinctId, turn - 1), turn - 1] as const])
    ]
    for (const [key, value] of wanted) {
      if (person.properties[key] === value) continue
      found.push(`person ${person.uuid} has "${key}" ${JSON.stringify(person.properties[key])}, not ${value}`)
    }
  }
  return found
}

const groups = (acknowledged: ReadonlyArray<LoadEvent>, { groupTypes, postgres }: Stored): ReadonlyArray<string> => {
  const sizes = new Map<string, number>()
  for (const { group } of acknowledged) {
    if (group !== undefined) sizes.set(`${groupTypes.get(group.type)}:${group.key}`, group.size)
  }
  const found: Array<string> = []
  for (const { index, key, properties } of postgres.groups) {
    const name = `${index}:${key}`
    const size = sizes.get(name)
    sizes.delete(name)
    if (properties["size"] !== size) {
      found.push(`group ${name} has size ${JSON.stringify(properties["size"])}, not ${size}`)
    }
  }
  for (const name of sizes.keys()) found.push(`group ${name} is missing in PostgreSQL`)
  return found
}

/** Every event leads, over the overrides, to its distinct id's person; personless events leave none. */
const shown = (acknowledged: ReadonlyArray<LoadEvent>, stored: Stored): ReadonlyArray<string> => {
  const sent = new Map(acknowledged.map((event) => [event.uuid, event]))
  const overrides = new Map(stored.overrides.map(({ distinctId, person }) => [distinctId, person]))
  const owners = ownersOf(stored)
  const found: Array<string> = []
  for (const { distinctId, mode, person, uuid } of stored.events) {
    const isPersonless = sent.get(uuid)?.isPersonless
    if (isPersonless === undefined) continue
    if (mode !== (isPersonless ? "propertyless" : "full")) found.push(`event ${uuid} of ${distinctId} is ${mode}`)
    const seen = overrides.get(distinctId) ?? person
    const owner = owners.get(distinctId)
    if (!isPersonless && seen !== owner) {
      found.push(`event ${uuid} of ${distinctId} leads to person ${seen}, not to ${owner}`)
    }
  }
  return found
}
