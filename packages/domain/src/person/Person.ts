/** People and the distinct ids that lead to them. Times are milliseconds since the epoch, UTC. */
import type { Properties } from "../event/Properties.ts"

/** A distinct id of a team. Texts are clean (no U+0000, no lone surrogate) before they become a name. */
export interface Name {
  readonly team: number
  readonly distinctId: string
}

/** A text that is equal for equal names, for use as a key of maps. */
export const nameKey = (team: number, distinctId: string): string => `${team}:${distinctId}`

export interface Person {
  readonly team: number
  /** Deterministic: `U(distinct id)` of the id it was born with (spec worker 2.2). Never changes. */
  readonly uuid: string
  readonly createdAt: number
  readonly properties: Properties
  readonly isIdentified: boolean
  /** Rises with every write; starts at the floor of the distinct id, 0 without one. */
  readonly version: number
  readonly lastSeenAt: number | null
}

/** Which person a distinct id leads to, by the person's uuid. */
export interface Mapping extends Name {
  readonly person: string
  /** Rises by one with every move; 0 only where the person's uuid is `U(distinctId)`. */
  readonly version: number
}
