/**
 * Events without person processing (spec worker 3.9). They change nobody and, by default, look at nobody: their person is
 * `U(distinct id)`, which is who that distinct id would become; where it became somebody else, its mapping says so.
 */
import type { Event, EventPerson } from "../event/Event.ts"
import { empty, objectAt } from "../event/Properties.ts"
import * as Uuid from "../event/Uuid.ts"
import type { Settings } from "./Settings.ts"
import * as State from "./State.ts"

/** 1970-01-01T00:00:05Z: tells a propertyless person from one without a time. */
const createdAtOfNobody = 5_000

/** An event must be so much younger than the person that it counts as the person's: the two may have been sent together. */
const upgradeAfterMs = 60_000

/** True when the person of a personless event is looked up. */
export const isLookedUp = (event: Event, settings: Settings): boolean =>
  settings.personlessUpgrade && event.personProcessing === "off"

/** The person that a personless event shows. */
export const personOf = (state: State.State, event: Event): EventPerson => {
  const team = event.project.id
  const found = isLookedUp(event, state.rules.settings) ? State.look(state, team, event.distinctId) : undefined
  if (found === undefined) {
    return {
      uuid: Uuid.personUuid(team, event.distinctId),
      properties: empty,
      createdAt: createdAtOfNobody,
      mode: "propertyless"
    }
  }
  const isUpgraded = !event.project.personProcessingOptOut && event.timestamp > found.createdAt + upgradeAfterMs
  return {
    uuid: found.uuid,
    properties: empty,
    createdAt: found.createdAt,
    mode: isUpgraded ? "force_upgrade" : "propertyless"
  }
}

/** True for a `$feature_flag_called` that makes no person where its distinct id has none (V-14). */
export const isFlagCalledOnly = (event: Event, { flagCalledPersonlessTeams: teams }: Settings): boolean =>
  event.event === "$feature_flag_called" &&
  (teams === "all" || teams.has(event.project.id)) &&
  event.profileRequested !== true &&
  Object.keys(objectAt(event.properties, "$groups")).length === 0
