/**
 * The fold: what a batch of events does to people and groups (spec worker 2.7), as a pure function of a snapshot.
 *
 * `work` says what a batch names, a store reads that, and `fold` makes of it the changes, the messages for ClickHouse, an
 * outcome for each event and the warnings. Run again, on another snapshot or the same, it begins afresh. Two steps see each event
 * in turn, `person` and `event`; an embedding program may replace either.
 *
 * An exception is a bug, or properties nested deeper than JSON can be written; it is let out, and whoever runs the fold divides
 * the batch.
 */
import type { Event, ProcessedEvent } from "../event/Event.ts"
import type { Outcome } from "../event/Outcome.ts"
import * as Position from "../event/Position.ts"
import { type GroupName, type GroupTypeIndex, groupNameKey } from "../group/Group.ts"
import * as GroupEvent from "../group/GroupEvent.ts"
import { step as groupStep } from "../group/GroupStep.ts"
import type { Warning } from "../warning/Warning.ts"
import * as Create from "./Create.ts"
import * as Finish from "./Finish.ts"
import { type Name, nameKey } from "./Person.ts"
import * as Personless from "./Personless.ts"
import { step as personStep } from "./PersonStep.ts"
import type { Settings } from "./Settings.ts"
import { type Folded, type Snapshot, unchanged, type Work } from "./Snapshot.ts"
import * as State from "./State.ts"

export type { Settings } from "./Settings.ts"
export type { State } from "./State.ts"

/** Gives an event its person. */
export type PersonStep = (state: State.State, event: Event) => Outcome<ProcessedEvent>
/** Gives an event that has its person its groups. */
export type EventStep = (state: State.State, event: ProcessedEvent) => Outcome<ProcessedEvent>

export interface Steps {
  readonly person: PersonStep
  readonly event: EventStep
}

/** The steps of the specification. */
export const steps: Steps = { person: personStep, event: groupStep }

export interface FoldedBatch {
  /** Lines up with the events. */
  readonly outcomes: ReadonlyArray<Outcome<ProcessedEvent>>
  readonly warnings: ReadonlyArray<Warning>
}

const isPersonful = (event: Event): boolean => event.personProcessing === "on"

/** False for batches that name nobody: they are folded over `emptySnapshot`, without a transaction. */
export const needsTransaction = (events: ReadonlyArray<Event>, settings: Settings): boolean =>
  events.some((event) => isPersonful(event) || Personless.isLookedUp(event, settings))

/** The snapshot of nobody and nothing. */
export const emptySnapshot: Snapshot = {
  person: () => undefined,
  floor: () => 0,
  group: () => undefined,
  idCount: () => 0,
  applied: () => false,
  refused: () => undefined
}

/** What the batch reads and locks: each name and group once. */
export const work = (input: {
  /** The consumer group whose progress the batch raises. */
  readonly group: string
  /** Every message of the batch, those without an event too. */
  readonly progress: ReadonlyArray<Position.Position>
  readonly events: ReadonlyArray<Event>
  readonly groupTypes: GroupTypeIndex
  readonly settings: Settings
}): Work => {
  const names = new Map<string, Name>()
  const looks = new Map<string, Name>()
  const groups = new Map<string, GroupName>()
  const add = (to: Map<string, Name>, team: number, distinctId: string): void => {
    const key = nameKey(team, distinctId)
    if (!to.has(key)) to.set(key, { team, distinctId })
  }
  for (const event of input.events) {
    const team = event.project.id
    if (Personless.isLookedUp(event, input.settings)) add(looks, team, event.distinctId)
    if (!isPersonful(event)) continue
    add(names, team, event.distinctId)
    if (event.partner?.legal === true) add(names, team, event.partner.distinctId)
    const group = GroupEvent.groupOf(event, input.groupTypes)
    if (group !== undefined) groups.set(groupNameKey(team, group.index, group.key), group)
  }
  for (const key of names.keys()) looks.delete(key)
  return {
    group: input.group,
    progress: input.progress,
    names: [...names.values()],
    looks: [...looks.values()],
    groups: [...groups.values()],
    countIdsUpTo: input.settings.mergeMoveLimit
  }
}

export interface FoldInput {
  readonly events: ReadonlyArray<Event>
  readonly groupTypes: GroupTypeIndex
  readonly settings: Settings
  /** Messages, by `Position.key`, whose merge is left out, and why (spec worker 3.7). `Merge.conflict` raises a warning. */
  readonly withoutMerge?: ReadonlyMap<string, string>
  readonly steps?: Steps
}

export const fold =
  (input: FoldInput) =>
  (snapshot: Snapshot): Folded<FoldedBatch> => {
    const outcomes = new Array<Outcome<ProcessedEvent>>(input.events.length)
    const applied: Array<number> = []
    const fresh: Array<number> = []
    input.events.forEach((event, index) => {
      ;(snapshot.applied(event.at) ? applied : fresh).push(index)
    })
    const warnings: Array<Warning> = []
    if (applied.length > 0) warnings.push(...again(input, snapshot, applied, outcomes))
    if (fresh.length === 0) return { changes: unchanged, result: { outcomes, warnings }, messages: () => [] }
    // Most often one run. Whoever would end above the size limit has their events held to it in the next.
    const known = new Set<string>()
    for (let runs = 1; ; runs++) {
      const state = State.make(snapshot, {
        settings: input.settings,
        groupTypes: input.groupTypes,
        leftOut: (at) => input.withoutMerge?.get(Position.key(at)),
        limits: true,
        oversized: runs > maxRuns ? everybody : known
      })
      for (const index of fresh) outcomes[index] = first(input, state, input.events[index]!)
      const finished = Finish.finish(state)
      if (finished.oversized.length === 0) {
        warnings.push(...state.warnings)
        return { changes: finished.changes, result: { outcomes, warnings }, messages: finished.messages }
      }
      for (const key of finished.oversized) known.add(key)
    }
  }

/** A dead letter may change who is merged with whom, and so who is too large; nobody can make a batch run for ever. */
const maxRuns = 8

const everybody: State.Oversized = { size: Number.POSITIVE_INFINITY, has: () => true }

const both = ({ event: second, person: first }: Steps, state: State.State, event: Event): Outcome<ProcessedEvent> => {
  const outcome = first(state, event)
  return outcome._tag === "Continue" ? second(state, outcome.value) : outcome
}

/** An event that is applied for the first time. What the state of people decided of it is remembered. */
const first = (input: FoldInput, state: State.State, event: Event): Outcome<ProcessedEvent> => {
  const outcome = both(input.steps ?? steps, state, event)
  const reason = state.rules.leftOut(event.at)
  if (outcome._tag === "DeadLetter") state.refusals.push({ at: event.at, refusal: outcome })
  else if (reason !== undefined) state.refusals.push({ at: event.at, refusal: { _tag: "WithoutMerge", reason } })
  return outcome
}

/**
 * Events that were applied before (spec worker 2.7, 2): folded on a state that is thrown away, without limits, and with the outcomes
 * that are remembered. Answers with their warnings, which may not have been sent then.
 */
const again = (
  input: FoldInput,
  snapshot: Snapshot,
  indexes: ReadonlyArray<number>,
  outcomes: Array<Outcome<ProcessedEvent>>
): ReadonlyArray<Warning> => {
  const state = State.make(snapshot, {
    settings: input.settings,
    groupTypes: input.groupTypes,
    leftOut: (at) => {
      const refusal = snapshot.refused(at)
      return refusal?._tag === "WithoutMerge" ? refusal.reason : undefined
    },
    limits: false,
    oversized: new Set()
  })
  for (const index of indexes) {
    const event = input.events[index]!
    const refusal = snapshot.refused(event.at)
    if (refusal?._tag === "DeadLetter") {
      const warning = Create.warningOf(event, refusal)
      if (warning !== undefined) state.warnings.push(warning)
      outcomes[index] = refusal
    } else outcomes[index] = both(input.steps ?? steps, state, event)
  }
  return state.warnings
}
