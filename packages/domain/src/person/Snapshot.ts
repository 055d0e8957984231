/**
 * What one batch reads of people and groups, and what it changes: the two sides of the pure fold (spec worker 2.7).
 *
 * The fold may run several times for one batch, because a conflict rolls back, reads again and folds again. Only the
 * last run counts, so nothing in it may touch the world.
 */

import type { DeadLetterReason } from "../event/Outcome.ts"
import type { Position } from "../event/Position.ts"
import type { Group, GroupName } from "../group/Group.ts"
import type { Mapping, Name, Person } from "./Person.ts"

/**
 * An outcome that the state of people, or SQL, decided. It is final: it is written beside the progress by the
 * transaction that raises past the message, and repeated at every redelivery, whatever the state is by then.
 */
export type Refusal =
  | { readonly _tag: "DeadLetter"; readonly reason: DeadLetterReason; readonly step: string; readonly error: string }
  | { readonly _tag: "WithoutMerge"; readonly reason: string }

/** What a batch names, each once. The store locks and reads exactly this. */
export interface Work {
  /** The consumer group whose progress the batch advances. */
  readonly group: string
  /** Every message of the batch, dropped ones too, in log order within each partition. */
  readonly progress: ReadonlyArray<Position>
  readonly names: ReadonlyArray<Name>
  /** Names that are only looked at, without locks (`PERSONLESS_UPGRADE`). */
  readonly looks: ReadonlyArray<Name>
  readonly groups: ReadonlyArray<GroupName>
  /** n > 0: count the distinct ids of each person read, up to n + 1 (`PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT`). */
  readonly countIdsUpTo: number
}

export interface Found {
  readonly person: Person
  /** Undefined where a stray row holds the uuid `U(distinct id)` although the id is unmapped. */
  readonly mapping: Mapping | undefined
}

export interface Snapshot {
  readonly person: (team: number, distinctId: string) => Found | undefined
  /** The first version of a new person or mapping: 0 unless the id lost its person by a deletion (spec worker 3.10). */
  readonly floor: (team: number, distinctId: string) => number
  readonly group: (team: number, index: number, key: string) => Group | undefined
  /** How many distinct ids a person owns, at most `countIdsUpTo + 1`; 0 where nothing was counted. */
  readonly idCount: (team: number, uuid: string) => number
  /** True below `next_offset`: its effects are in. Fold it on a copy and keep its outcome only. */
  readonly applied: (at: Position) => boolean
  /** Of an applied message: the outcome that was remembered, instead of folding it (or its merge). */
  readonly refused: (at: Position) => Refusal | undefined
}

/** A person to be written. `json` is the text of `properties`, made once for row and message. */
export interface PersonWrite extends Person {
  readonly json: string
}

/** A person to be inserted; the two bookkeeping columns are written at creation only (spec worker 2.3). */
export interface PersonCreation extends PersonWrite {
  readonly lastUpdatedAt: Readonly<Record<string, string>>
  readonly lastOperation: Readonly<Record<string, "set" | "set_once">>
}

export interface GroupWrite extends Group {
  readonly json: string
  readonly isNew: boolean
}

/** One person merged into another. Each distinct id of the source moves `moves` times (a chain a→b→c moves a's twice). */
export interface Merge {
  readonly team: number
  /** Uuid of the person that goes; it has a row. */
  readonly source: string
  /** Uuid of the person that stays at the end of the batch; it has a row or is among `create`. */
  readonly target: string
  readonly moves: number
}

export interface Changes {
  readonly create: ReadonlyArray<PersonCreation>
  readonly update: ReadonlyArray<PersonWrite>
  /** New distinct ids. */
  readonly attach: ReadonlyArray<Mapping>
  readonly merge: ReadonlyArray<Merge>
  readonly groups: ReadonlyArray<GroupWrite>
  readonly refusals: ReadonlyArray<{ readonly at: Position; readonly refusal: Refusal }>
}

/** A message that must reach ClickHouse; written in the batch's transaction, published from there. */
export interface OutboxMessage {
  readonly topic: string
  readonly key: string | null
  readonly value: string
}

export interface Folded<out A> {
  readonly changes: Changes
  readonly result: A
  /** `moved`: all mappings that the merges moved, with their new versions, ids that the batch does not name too. */
  readonly messages: (moved: ReadonlyArray<Mapping>) => ReadonlyArray<OutboxMessage>
}

/** No change at all; what a batch of refused or applied messages folds to. */
export const unchanged: Changes = { create: [], update: [], attach: [], merge: [], groups: [], refusals: [] }
