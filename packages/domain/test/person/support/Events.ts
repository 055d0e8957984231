/** Events in the notation of spec worker 8.0, as they are after normalisation. */
import type { Event, PersonProcessing } from "@tributary/domain/event/Event"
import * as Lift from "@tributary/domain/event/Lift"
import * as MergePartner from "@tributary/domain/event/MergePartner"
import * as PersonProfile from "@tributary/domain/event/PersonProfile"
import type { Properties } from "@tributary/domain/event/Properties"
import { clean } from "@tributary/domain/event/Text"
import type { Project } from "@tributary/domain/project/Project"
import { notation, T0 } from "./Notation.ts"

export { minutes, T0 } from "./Notation.ts"

export const aProject = (id: number, changes: Partial<Project> = {}): Project => ({
  id,
  projectId: id,
  apiToken: `phc_${id}`,
  secretApiToken: null,
  secretApiTokenBackup: null,
  name: `project ${id}`,
  anonymizeIps: false,
  personProcessingOptOut: false,
  heatmapsOptIn: false,
  cookielessMode: 0,
  timezone: "UTC",
  dropEventsOlderThanSeconds: null,
  ingestedEvent: true,
  lastSeenEnabled: false,
  eventFilter: null,
  eventSchemas: null,
  ...changes
})

/** An event that is not in the log yet. */
export type Draft = Omit<Event, "at" | "uuid">

export interface Options {
  readonly project?: Project
  readonly timestamp?: number
  readonly receivedAt?: number
  readonly processing?: PersonProcessing
}

const team1 = aProject(1)

const make = (name: string, distinctId: string, sent: Properties, options: Options = {}): Draft => {
  const processing = options.processing ?? (sent["$process_person_profile"] === false ? "off" : "on")
  const strip = (properties: Properties) => PersonProfile.strip(name, properties, processing)
  const timestamp = options.timestamp ?? T0
  return {
    project: options.project ?? team1,
    event: name,
    distinctId: clean(distinctId),
    properties: strip(Lift.lift(name, strip(sent))),
    timestamp,
    receivedAt: options.receivedAt ?? timestamp,
    personProcessing: processing,
    ...(sent["$process_person_profile"] === true ? { profileRequested: true } : {}),
    historicalMigration: false,
    capturedAt: null,
    partner: MergePartner.of(name, sent)
  }
}

export const { A, AL, E, event, GI, I, MD } = notation(make)
