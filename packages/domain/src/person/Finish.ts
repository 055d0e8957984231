/** What a batch has come to: the rows to write and the messages to send, each person's and group's once (spec worker 2.6, 2.7). */
import * as GroupStep from "../group/GroupStep.ts"
import * as DistinctIdRow from "../row/DistinctIdRow.ts"
import * as GroupRow from "../row/GroupRow.ts"
import * as PersonRow from "../row/PersonRow.ts"
import * as Create from "./Create.ts"
import type { Mapping, Person } from "./Person.ts"
import type { Settings } from "./Settings.ts"
import * as SizeLimit from "./SizeLimit.ts"
import type { Changes, Merge, OutboxMessage, PersonCreation, PersonWrite } from "./Snapshot.ts"
import * as State from "./State.ts"
import * as Update from "./Update.ts"
import * as Versions from "./Versions.ts"

export interface Finished {
  readonly changes: Changes
  readonly messages: (moved: ReadonlyArray<Mapping>) => ReadonlyArray<OutboxMessage>
  /** People, by `personKey`, that would be above the size limit, and those that were merged into them: fold again. */
  readonly oversized: ReadonlyArray<string>
}

const isChanged = (draft: State.Draft, row: Person, { updateAll }: Settings): boolean =>
  draft.hasMerged ||
  draft.isIdentified !== row.isIdentified ||
  draft.createdAt !== row.createdAt ||
  draft.lastSeenAt !== row.lastSeenAt ||
  Update.isWorthWriting(row.properties, draft.properties, { all: updateAll || draft.isForced })

const write = (draft: State.Draft): PersonWrite => ({
  team: draft.team,
  uuid: draft.uuid,
  createdAt: draft.createdAt,
  properties: draft.properties,
  isIdentified: draft.isIdentified,
  version: draft.row !== undefined || draft.hasMerged ? Versions.written(draft.version) : draft.version,
  lastSeenAt: draft.lastSeenAt,
  json: JSON.stringify(draft.properties)
})

export const finish = (state: State.State): Finished => {
  const { oversized, settings } = state.rules
  const create: Array<PersonCreation> = []
  const update: Array<PersonWrite> = []
  const tooLarge = new Set<State.Draft>()
  for (const draft of state.drafts.values()) {
    if (draft.into !== undefined) continue
    if (draft.row !== undefined && !isChanged(draft, draft.row, settings)) continue
    const row = write(draft)
    if (!SizeLimit.textFits(row.json, row.properties, settings)) {
      if (!oversized.has(State.personKey(draft.team, draft.uuid))) tooLarge.add(draft)
      // Over the limit before, and not to be trimmed: PostgreSQL would refuse whatever is written.
      else if (draft.row !== undefined) continue
    }
    if (draft.row === undefined) create.push({ ...row, ...Create.bookkeeping(draft.birth) })
    else update.push(row)
  }
  const gone: Array<Person> = []
  const merge: Array<Merge> = []
  for (const draft of state.merged) {
    if (draft.row === undefined) continue
    const { row, team, uuid } = draft
    gone.push(row)
    merge.push({ team, source: uuid, target: State.survivor(draft).uuid, moves: State.moves(draft) })
  }
  const attach = State.attached(state)
  const groups = GroupStep.finish(state)
  return {
    changes: { create, update, attach, merge, groups, refusals: state.refusals },
    messages: (moved) => [
      ...create.map(PersonRow.message),
      ...update.map(PersonRow.message),
      ...gone.map(PersonRow.tombstone),
      ...attach.map(DistinctIdRow.message),
      ...moved.map(DistinctIdRow.message),
      ...groups.map(GroupRow.message)
    ],
    oversized: tooLarge.size + oversized.size === 0 ? [] : newlyOversized(state, tooLarge)
  }
}

/** Whoever is too large, and everybody who became part of somebody who is. */
const newlyOversized = (state: State.State, tooLarge: ReadonlySet<State.Draft>): ReadonlyArray<string> => {
  const { oversized } = state.rules
  const keys: Array<string> = []
  for (const [key, draft] of state.drafts) {
    const last = State.survivor(draft)
    const isHeld = tooLarge.has(last) || oversized.has(State.personKey(last.team, last.uuid))
    if (isHeld && !oversized.has(key)) keys.push(key)
  }
  return keys
}
