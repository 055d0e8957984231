/**
 * What one run of the fold knows of people and groups: the snapshot, and what the events so far have made of it.
 *
 * It is the one mutable thing in this package, and never leaves the run that made it. A person is a `Draft`; a merge points the
 * source's draft at its survivor. So whoever is found through any distinct id is found at the end of that chain, and its length
 * tells how often the distinct ids that came with a draft have moved.
 */
import type { Event } from "../event/Event.ts"
import type { Position } from "../event/Position.ts"
import type { Properties } from "../event/Properties.ts"
import { type GroupTypeIndex, groupNameKey } from "../group/Group.ts"
import type { Warning } from "../warning/Warning.ts"
import { type Mapping, type Name, nameKey, type Person } from "./Person.ts"
import type { Settings } from "./Settings.ts"
import type { Refusal, Snapshot } from "./Snapshot.ts"
import * as Versions from "./Versions.ts"

/** The event that a person was born with. */
export type Birth = Pick<Event, "event" | "properties" | "timestamp">

/** A person as the events so far have left it. */
export interface Draft {
  readonly team: number
  readonly uuid: string
  /** The row as it was read; undefined for a person that is born in this batch. */
  readonly row: Person | undefined
  readonly birth: Birth | undefined
  properties: Properties
  createdAt: number
  isIdentified: boolean
  lastSeenAt: number | null
  /** The greatest among the versions of the persons that are joined here. */
  version: number
  /** Distinct ids, as far as the snapshot counted them. */
  idCount: number
  /** An event has been met whose changes are written, filtered keys too. */
  isForced: boolean
  hasMerged: boolean
  into: Draft | undefined
}

/** How a distinct id leads to a person. */
interface Link extends Name {
  /** The person that it led to first; by now that one may have been merged into another. */
  readonly draft: Draft
  /** The version with which it was joined to that person in this batch; undefined where the store has the mapping. */
  readonly joinedAt: number | undefined
}

/** A group as the events so far have left it. */
export interface GroupDraft {
  readonly team: number
  readonly index: number
  readonly key: string
  /** Undefined for a group that is new. */
  readonly row: { readonly properties: Properties; readonly version: number } | undefined
  readonly createdAt: number
  properties: Properties
}

/** People by `personKey`. */
export type Oversized = Pick<ReadonlySet<string>, "has" | "size">

export interface Rules {
  readonly settings: Settings
  readonly groupTypes: GroupTypeIndex
  /** Why the merge of a message is left out; undefined where it is not. */
  readonly leftOut: (at: Position) => string | undefined
  /** False for messages that were applied before: what they did once, no limit takes back. */
  readonly limits: boolean
  /** Whose batch would end above the size limit: each of their events is held to it. */
  readonly oversized: Oversized
}

export interface State {
  readonly rules: Rules
  readonly snapshot: Snapshot
  /** By `nameKey`. */
  readonly links: Map<string, Link>
  /** By `personKey`. */
  readonly drafts: Map<string, Draft>
  /** By `groupNameKey`. */
  readonly groups: Map<string, GroupDraft>
  /** People that went into another, in order. */
  readonly merged: Array<Draft>
  readonly refusals: Array<{ readonly at: Position; readonly refusal: Refusal }>
  readonly warnings: Array<Warning>
}

/** A text that is equal for equal persons, for use as a key of maps. */
export const personKey = (team: number, uuid: string): string => `${team}:${uuid}`

export const make = (snapshot: Snapshot, rules: Rules): State => ({
  rules,
  snapshot,
  links: new Map(),
  drafts: new Map(),
  groups: new Map(),
  merged: [],
  refusals: [],
  warnings: []
})

/** The person that a draft has become part of; most often itself. */
export const survivor = (draft: Draft): Draft => {
  let last = draft
  while (last.into !== undefined) last = last.into
  return last
}

/** How often the distinct ids that came with a draft have moved. */
export const moves = (draft: Draft): number => {
  let count = 0
  for (let at = draft; at.into !== undefined; at = at.into) count++
  return count
}

const draftOf = (state: State, row: Person): Draft => {
  const key = personKey(row.team, row.uuid)
  const known = state.drafts.get(key)
  if (known !== undefined) return known
  const draft: Draft = {
    team: row.team,
    uuid: row.uuid,
    row,
    birth: undefined,
    properties: row.properties,
    createdAt: row.createdAt,
    isIdentified: row.isIdentified,
    lastSeenAt: row.lastSeenAt,
    version: row.version,
    idCount: state.snapshot.idCount(row.team, row.uuid),
    isForced: false,
    hasMerged: false,
    into: undefined
  }
  state.drafts.set(key, draft)
  return draft
}

/** The person that a distinct id leads to now; undefined where it leads to none. */
export const find = (state: State, team: number, distinctId: string): Draft | undefined => {
  const link = state.links.get(nameKey(team, distinctId))
  if (link !== undefined) return survivor(link.draft)
  const found = state.snapshot.person(team, distinctId)
  if (found === undefined) return undefined
  const draft = draftOf(state, found.person)
  // A person with the uuid of this distinct id whose mapping somebody deleted: the mapping is made good.
  if (found.mapping === undefined) return attach(state, team, distinctId, draft)
  state.links.set(nameKey(team, distinctId), { team, distinctId, draft, joinedAt: undefined })
  return survivor(draft)
}

/** As `find`, but only looks: nothing of it is ever written, for the person may have been read without a lock. */
export const look = (
  state: State,
  team: number,
  distinctId: string
): Pick<Person, "uuid" | "createdAt"> | undefined => {
  const link = state.links.get(nameKey(team, distinctId))
  if (link !== undefined) return survivor(link.draft)
  const found = state.snapshot.person(team, distinctId)
  if (found === undefined) return undefined
  const draft = state.drafts.get(personKey(team, found.person.uuid))
  return draft === undefined ? found.person : survivor(draft)
}

const link = (state: State, team: number, distinctId: string, draft: Draft, joinedAt: number): void => {
  state.links.set(nameKey(team, distinctId), { team, distinctId, draft, joinedAt })
  draft.idCount += 1
}

/** Gives a distinct id that has no person to one that exists; answers with the person. */
export const attach = (state: State, team: number, distinctId: string, draft: Draft): Draft => {
  const last = survivor(draft)
  link(state, team, distinctId, last, Versions.joined(state.snapshot.floor(team, distinctId)))
  return last
}

/** Adds a person that is born with a distinct id, which gave it its uuid. */
export const add = (state: State, distinctId: string, draft: Draft): void => {
  state.drafts.set(personKey(draft.team, draft.uuid), draft)
  link(state, draft.team, distinctId, draft, draft.version)
}

/** Joins everything that the source owns to the target. What becomes of properties is not decided here. */
export const merge = (state: State, source: Draft, target: Draft): void => {
  source.into = target
  state.merged.push(source)
  target.hasMerged = true
  target.isIdentified = true
  target.createdAt = Math.min(source.createdAt, target.createdAt)
  target.version = Versions.merged(source.version, target.version)
  target.idCount += source.idCount
}

/** The mappings that are new, as the batch leaves them. */
export const attached = (state: State): ReadonlyArray<Mapping> => {
  const mappings: Array<Mapping> = []
  for (const { distinctId, draft, joinedAt, team } of state.links.values()) {
    if (joinedAt === undefined) continue
    const version = Versions.moved(joinedAt, moves(draft))
    mappings.push({ team, distinctId, person: survivor(draft).uuid, version })
  }
  return mappings
}

/** The group as it is now; undefined where it is neither in the snapshot nor made by an event so far. */
export const findGroup = (state: State, team: number, index: number, key: string): GroupDraft | undefined => {
  const name = groupNameKey(team, index, key)
  const known = state.groups.get(name)
  if (known !== undefined) return known
  const row = state.snapshot.group(team, index, key)
  if (row === undefined) return undefined
  const draft: GroupDraft = { team, index, key, row, createdAt: row.createdAt, properties: row.properties }
  state.groups.set(name, draft)
  return draft
}
