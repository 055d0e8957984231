/**
 * How two distinct ids become one person (spec worker 3.1 to 3.5). The direction is always source into target: the event's
 * own distinct id is the target, its partner the source, and the target's person survives.
 */
import * as DistinctId from "../event/DistinctId.ts"
import type { Event, MergePartner } from "../event/Event.ts"
import { type DeadLetter, deadLetter } from "../event/Outcome.ts"
import type { Properties } from "../event/Properties.ts"
import type { Warning } from "../warning/Warning.ts"
import * as Create from "./Create.ts"
import * as State from "./State.ts"

/** Why a merge is left out when its batch collides with others again and again: the reason that raises a warning. */
export const conflict = "conflict"

/** What the decision table knows of the two people. */
type Source = "none" | "anonymous" | "identified"
type Target = "none" | "other" | "same"
type Action = "create" | "attach target" | "attach source" | "mark" | "merge" | "refuse"

/**
 * The decision table (spec worker 3.3). Whether the target is identified never matters: only a source is protected, and only
 * where two people would become one.
 */
const decisions: Readonly<Record<Source, Readonly<Record<Target, Action>>>> = {
  none: { none: "create", other: "attach source", same: "mark" },
  anonymous: { none: "attach target", other: "merge", same: "mark" },
  identified: { none: "attach target", other: "refuse", same: "mark" }
}

const decide = (source: State.Draft | undefined, target: State.Draft | undefined, isDangerous: boolean): Action => {
  const s: Source = source === undefined ? "none" : source.isIdentified && !isDangerous ? "identified" : "anonymous"
  const t: Target = target === undefined ? "none" : source === target ? "same" : "other"
  return decisions[s][t]
}

/** What a merge event has come to. */
export interface Merged {
  readonly person: State.Draft
  /** Born of this event, with its properties: nothing more is to be changed. */
  readonly isBorn: boolean
  /** What the event's own changes are applied to. */
  readonly properties: Properties
}

const illegal = (event: Event, illegalDistinctId: string, otherDistinctId: string): Warning => ({
  team: event.project.id,
  type: "cannot_merge_with_illegal_distinct_id",
  details: { illegalDistinctId, otherDistinctId, distinctId: event.distinctId, eventUuid: event.uuid }
})

/** A warning about two people that stay two. */
export const apart = (
  type: "cannot_merge_already_identified" | "merge_race_condition",
  event: Event,
  partner: MergePartner,
  source: State.Draft | undefined,
  target: State.Draft
): Warning => ({
  team: event.project.id,
  type,
  details: {
    sourcePersonDistinctId: partner.distinctId,
    targetPersonDistinctId: event.distinctId,
    distinctId: event.distinctId,
    eventUuid: event.uuid,
    personId: target.uuid,
    otherPersonId: source?.uuid ?? null
  }
})

/** Final, however many distinct ids the source owns by then (spec worker 3.6). */
const limitExceeded = (limit: number): DeadLetter =>
  deadLetter("Merge limit exceeded", "person", `the source person has more than ${limit} distinct ids`)

/** The partner of an event that may merge. Undefined for the same distinct id twice, and for illegal ones, with a warning. */
export const partnerOf = (state: State.State, event: Event): MergePartner | undefined => {
  const { distinctId, partner } = event
  if (partner === undefined || partner.distinctId === distinctId) return undefined
  if (!DistinctId.isLegalForMerge(distinctId)) {
    state.warnings.push(illegal(event, distinctId, partner.distinctId))
    return undefined
  }
  if (!partner.legal) {
    state.warnings.push(illegal(event, partner.distinctId, distinctId))
    return undefined
  }
  return partner
}

/** Acts on the decision table. The person that it answers with is identified from now on. */
export const join = (state: State.State, event: Event, partner: MergePartner): Merged | DeadLetter => {
  const team = event.project.id
  const source = State.find(state, team, partner.distinctId)
  const target = State.find(state, team, event.distinctId)
  // The table says "none" for whoever is undefined, so each action has the people that it needs.
  switch (decide(source, target, event.event === "$merge_dangerously")) {
    case "create":
      return create(state, event, partner)
    case "attach target":
      return identified(State.attach(state, team, event.distinctId, source!))
    case "attach source":
      return identified(State.attach(state, team, partner.distinctId, target!))
    case "mark":
      return identified(target!)
    case "merge":
      return merge(state, source!, target!)
    case "refuse":
      state.warnings.push(apart("cannot_merge_already_identified", event, partner, source, target!))
      return identified(target!)
  }
}

const create = (state: State.State, event: Event, partner: MergePartner): Merged | DeadLetter => {
  const born = Create.create(state, event, { isIdentified: true })
  if ("_tag" in born) return born
  State.attach(state, event.project.id, partner.distinctId, born)
  return { person: born, isBorn: true, properties: born.properties }
}

const identified = (person: State.Draft): Merged => {
  person.isIdentified = true
  return { person, isBorn: false, properties: person.properties }
}

/** The target's properties win; those of the source fill the gaps. */
const merge = (state: State.State, source: State.Draft, target: State.Draft): Merged | DeadLetter => {
  const { limits, settings } = state.rules
  if (limits && settings.mergeMoveLimit > 0 && source.idCount > settings.mergeMoveLimit) {
    return limitExceeded(settings.mergeMoveLimit)
  }
  State.merge(state, source, target)
  return { person: target, isBorn: false, properties: { ...source.properties, ...target.properties } }
}
