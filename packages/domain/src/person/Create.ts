/** How people are born (spec worker 2.3). */
import type { Event } from "../event/Event.ts"
import { type DeadLetter, deadLetter } from "../event/Outcome.ts"
import type { Properties } from "../event/Properties.ts"
import { floorToHour, toIso } from "../event/Timestamp.ts"
import * as Uuid from "../event/Uuid.ts"
import type { Warning } from "../warning/Warning.ts"
import * as SizeLimit from "./SizeLimit.ts"
import type { PersonCreation } from "./Snapshot.ts"
import * as State from "./State.ts"
import * as Update from "./Update.ts"
import * as Versions from "./Versions.ts"

const creator = "$creator_event_uuid"

const tooLarge = "the properties of the new person are larger than PostgreSQL may hold"

/** Final: whoever the distinct id leads to by then, the message is a dead letter again (spec worker 2.7). */
const refusal: DeadLetter = deadLetter("Processing error - non-retriable", "person", tooLarge)

const sizeWarning = (event: Event, uuid: string): Warning => ({
  team: event.project.id,
  type: "person_properties_size_violation",
  details: {
    personId: uuid,
    distinctId: event.distinctId,
    teamId: event.project.id,
    eventUuid: event.uuid,
    message: "Person properties exceed the size limit; the event was not stored"
  }
})

/** The warning that goes with a remembered outcome, to be raised again with it. */
export const warningOf = (event: Event, outcome: DeadLetter): Warning | undefined =>
  outcome.error === tooLarge ? sizeWarning(event, Uuid.personUuid(event.project.id, event.distinctId)) : undefined

/**
 * The person that the event's distinct id gets when it has none, with the event's `$set` and `$set_once`; a merge event's
 * person is identified. A dead letter where it would be too large.
 */
export const create = (
  state: State.State,
  event: Event,
  { isIdentified }: { readonly isIdentified: boolean }
): State.Draft | DeadLetter => {
  const team = event.project.id
  const uuid = Uuid.personUuid(team, event.distinctId)
  const { set, setOnce } = Update.of(event)
  const properties: Properties = { ...setOnce, ...set, [creator]: event.uuid }
  if (state.rules.oversized.has(State.personKey(team, uuid)) && !SizeLimit.fits(properties, state.rules.settings)) {
    state.warnings.push(sizeWarning(event, uuid))
    return refusal
  }
  const draft: State.Draft = {
    team,
    uuid,
    row: undefined,
    birth: event,
    properties,
    createdAt: event.timestamp,
    isIdentified,
    lastSeenAt: floorToHour(event.timestamp),
    version: Versions.born(state.snapshot.floor(team, event.distinctId)),
    idCount: 0,
    isForced: false,
    hasMerged: false,
    into: undefined
  }
  State.add(state, event.distinctId, draft)
  return draft
}

/** The two columns that tell of the creating event, and of it alone, when and how each key was set. */
export const bookkeeping = (
  birth: State.Birth | undefined
): Pick<PersonCreation, "lastUpdatedAt" | "lastOperation"> => {
  if (birth === undefined) return { lastUpdatedAt: {}, lastOperation: {} }
  const { set, setOnce } = Update.of(birth)
  const time = toIso(birth.timestamp)
  const keys = Object.keys({ ...setOnce, ...set }).filter((key) => key !== creator)
  return {
    lastUpdatedAt: Object.fromEntries(keys.map((key) => [key, time])),
    lastOperation: Object.fromEntries(keys.map((key) => [key, Object.hasOwn(set, key) ? "set" : "set_once"]))
  }
}
