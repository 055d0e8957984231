/** Which distinct ids are one person: those that events joined, directly or over others. */
import type { LoadEvent } from "../load/LoadEvent.ts"

/** One person. Whoever was joined is identified. */
export interface Owner {
  readonly distinctIds: ReadonlyArray<string>
  readonly isIdentified: boolean
}

export type Joined = ReadonlyArray<Owner>

export const of = (events: ReadonlyArray<LoadEvent>): Joined => {
  const owners = new Map<string, Array<string>>()
  const identified = new Set<string>()
  const ownerOf = (distinctId: string): Array<string> => {
    const known = owners.get(distinctId)
    if (known !== undefined) return known
    const alone = [distinctId]
    owners.set(distinctId, alone)
    return alone
  }
  for (const { distinctId, isPersonless, partner } of events) {
    if (isPersonless) continue
    const owner = ownerOf(distinctId)
    if (partner === undefined) continue
    identified.add(distinctId)
    const joining = ownerOf(partner)
    if (joining === owner) continue
    for (const moved of joining) owners.set(moved, owner)
    owner.push(...joining)
  }
  return [...new Set(owners.values())].map((distinctIds) => ({
    distinctIds,
    isIdentified: distinctIds.some((distinctId) => identified.has(distinctId))
  }))
}
