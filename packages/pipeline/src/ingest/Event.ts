/**
 * Step 3: the event itself (spec worker 1.14, 4): its name cut, addresses anonymised, groups resolved and changed. The part
 * that changes groups is a step of the fold; what asks the world, the registration of group types, comes before it.
 */
import type { Event } from "@tributary/domain/event/Event"
import * as Prepare from "@tributary/domain/event/Prepare"
import type { GroupTypeIndex } from "@tributary/domain/group/Group"
import * as GroupEvent from "@tributary/domain/group/GroupEvent"
import * as Fold from "@tributary/domain/person/Fold"
import * as Effect from "effect/Effect"
import * as Away from "../service/Away.ts"
import { type GroupTypeRequest, GroupTypes } from "../service/GroupTypes.ts"
import type * as Health from "../service/Health.ts"

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

const noGroups: GroupTypeIndex = () => undefined

/**
 * The group types that personful events name, in the order of the batch; unknown ones are registered. Part of the batch:
 * while the database is away, it waits (spec worker 4.2).
 */
export const resolveGroupTypes = (
  events: ReadonlyArray<Event | undefined>
): Effect.Effect<GroupTypeIndex, never, GroupTypes | Health.Health> => {
  const requests: Array<GroupTypeRequest> = []
  for (const event of events) {
    if (event === undefined) continue
    for (const groupType of typesOf(event)) {
      requests.push({ project: event.project, groupType, timestamp: event.timestamp })
    }
  }
  if (requests.length === 0) return Effect.succeed(noGroups)
  return Away.postgres(GroupTypes.use((types) => types.resolve(requests)))
}
