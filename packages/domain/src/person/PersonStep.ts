/**
 * The person step (spec worker 1, 20f): finds or makes the event's person, joins people, changes properties. One event at a
 * time, on the state of the run.
 */
import type { Event, EventPerson, ProcessedEvent } from "../event/Event.ts"
import { next, type Outcome } from "../event/Outcome.ts"
import * as PersonProfile from "../event/PersonProfile.ts"
import type { Properties } from "../event/Properties.ts"
import { floorToHour } from "../event/Timestamp.ts"
import * as Create from "./Create.ts"
import * as Merge from "./Merge.ts"
import * as Personless from "./Personless.ts"
import * as SizeLimit from "./SizeLimit.ts"
import * as State from "./State.ts"
import * as Update from "./Update.ts"

/** Gives the event its person. A dead letter where the person would be too large, or a merge is over its limit. */
export const step = (state: State.State, event: Event): Outcome<ProcessedEvent> => {
  if (event.personProcessing !== "on") return personless(state, event)
  const isFlagCalledOnly = Personless.isFlagCalledOnly(event, state.rules.settings)
  if (isFlagCalledOnly && State.find(state, event.project.id, event.distinctId) === undefined) {
    const properties = PersonProfile.strip(event.event, event.properties, "off")
    return personless(state, { ...event, personProcessing: "off", properties })
  }
  return personful(state, event)
}

const personless = (state: State.State, event: Event): Outcome<ProcessedEvent> =>
  next({ ...event, person: Personless.personOf(state, event) })

const personful = (state: State.State, event: Event): Outcome<ProcessedEvent> => {
  const partner = Merge.partnerOf(state, event)
  const leftOut = partner === undefined ? undefined : state.rules.leftOut(event.at)
  const result =
    partner === undefined || leftOut !== undefined ? alone(state, event) : Merge.join(state, event, partner)
  if ("_tag" in result) return result
  const { isBorn, person, properties } = result
  if (!isBorn) change(state, event, person, properties)
  if (Update.isForcing(event.event)) person.isForced = true
  if (partner !== undefined && leftOut === Merge.conflict) {
    const source = State.find(state, event.project.id, partner.distinctId)
    state.warnings.push(Merge.apart("merge_race_condition", event, partner, source, person))
  }
  return next({ ...event, person: shown(person) })
}

/** The person of the event's own distinct id, born if need be. */
const alone = (state: State.State, event: Event): ReturnType<typeof Merge.join> => {
  const known = State.find(state, event.project.id, event.distinctId)
  if (known !== undefined) return { person: known, isBorn: false, properties: known.properties }
  const born = Create.create(state, event, { isIdentified: false })
  return "_tag" in born ? born : { person: born, isBorn: true, properties: born.properties }
}

const shown = ({ createdAt, properties, uuid }: State.Draft): EventPerson => ({
  uuid,
  properties,
  createdAt,
  mode: "full"
})

/** Applies the event's changes to `properties`, which are the person's, or, after a merge, those of both. */
const change = (state: State.State, event: Event, person: State.Draft, properties: Properties): void => {
  const changed = Update.apply(properties, Update.of(event))
  person.properties = state.rules.oversized.has(State.personKey(person.team, person.uuid))
    ? held(state, event, person, changed)
    : changed
  if (event.project.lastSeenEnabled && event.properties["$update_person_last_seen_at"] !== false) {
    const hour = floorToHour(event.timestamp)
    if (person.lastSeenAt === null || hour > person.lastSeenAt) person.lastSeenAt = hour
  }
}

/**
 * Holds an event to the size limit (spec worker 2.9): above it, the event changes nothing, with a warning. Properties that
 * are above it already, as old installations have them, are trimmed instead.
 */
const held = (state: State.State, event: Event, person: State.Draft, changed: Properties): Properties => {
  const { settings } = state.rules
  if (SizeLimit.fits(changed, settings)) return changed
  const before = person.properties
  const isOverAlready = !SizeLimit.fits(before, settings)
  const trimmed = isOverAlready ? SizeLimit.trim(before, settings) : undefined
  if (trimmed !== undefined) return trimmed
  state.warnings.push({
    team: person.team,
    type: "person_properties_size_violation",
    details: {
      personId: person.uuid,
      distinctId: event.distinctId,
      teamId: person.team,
      message: "Person properties exceed the size limit; the event's changes of them were discarded"
    }
  })
  return before
}
