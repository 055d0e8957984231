/**
 * Step 3: the event itself (spec worker 1.14, 4): its name cut, addresses anonymised, groups resolved and changed. The part
 * that changes groups is a step of the fold; what asks the world, the registration of group types, comes before it.
 */
import type { Event } from "@tributary/domain/event/Event"
import type * as Outcome from "@tributary/domain/event/Outcome"
import * as Prepare from "@tributary/domain/event/Prepare"
import type { GroupTypeIndex } from "@tributary/domain/group/Group"
import * as GroupEvent from "@tributary/domain/group/GroupEvent"
import * as Fold from "@tributary/domain/person/Fold"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Divide from "../service/Divide.ts"
import { type GroupTypeRequest, GroupTypes } from "../service/GroupTypes.ts"
import type * as Health from "../service/Health.ts"
import { failed } from "./Stage.ts"

/** Removes what must not be stored, then gives the event its groups. */
export const step: Fold.EventStep = (state, event) => {
  const properties = Prepare.prepare(event.properties, {
    anonymizeIps: event.project.anonymizeIps,
    isPersonless: event.personProcessing !== "on"
  })
  const name = Prepare.cutName(event.event)
  const isSame = properties === event.properties && name === event.event
  return Fold.steps.event(state, isSame ? event : { ...event, event: name, properties })
}

/** An event of which not even this can be told has no types; the fold finds out the same, and it becomes a dead letter. */
const typesOf = (event: Event): ReadonlyArray<string> => {
  try {
    return GroupEvent.typesOf(event)
  } catch {
    return []
  }
}

const requestsOf = (event: Event): ReadonlyArray<GroupTypeRequest> =>
  typesOf(event).map((groupType) => ({ project: event.project, groupType, timestamp: event.timestamp }))

export interface Resolved {
  readonly groupTypes: GroupTypeIndex
  /** Those of the events, save that one whose types the database refuses for good is a dead letter. */
  readonly outcomes: ReadonlyArray<Outcome.Outcome<Event>>
}

/**
 * The group types that personful events name, in the order of the batch; unknown ones are registered. Part of the batch:
 * while the database is away, it waits (spec worker 4.2).
 */
export const resolveGroupTypes = (
  outcomes: ReadonlyArray<Outcome.Outcome<Event>>
): Effect.Effect<Resolved, never, GroupTypes | Health.Health> => {
  const naming = outcomes.flatMap((outcome, index) => {
    const requests = outcome._tag === "Continue" ? requestsOf(outcome.value) : []
    return requests.length === 0 ? [] : [{ index, requests }]
  })
  const parts = Divide.ask(naming, (some) =>
    GroupTypes.use((types) => types.resolve(some.flatMap(({ requests }) => requests)))
  )
  return Effect.map(parts, (answers) => {
    const indexes: Array<GroupTypeIndex> = []
    const refused = new Map<number, Outcome.DeadLetter>()
    for (const { answer, keys } of answers) {
      if (Result.isSuccess(answer)) indexes.push(answer.success)
      else for (const { index } of keys) refused.set(index, failed("groups", answer.failure))
    }
    return {
      groupTypes: firstOf(indexes),
      outcomes: refused.size === 0 ? outcomes : outcomes.map((outcome, index) => refused.get(index) ?? outcome)
    }
  })
}

/** Nearly always there is one; several know more or less of the same types. */
const firstOf = (indexes: ReadonlyArray<GroupTypeIndex>): GroupTypeIndex =>
  indexes.length === 1 && indexes[0] !== undefined
    ? indexes[0]
    : (projectId, groupType) => {
        for (const indexOf of indexes) {
          const index = indexOf(projectId, groupType)
          if (index !== undefined) return index
        }
        return undefined
      }
