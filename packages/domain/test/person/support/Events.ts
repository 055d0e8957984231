/** Events in the notation of spec worker 8.0, as they are after normalisation. */
import type { Event, PersonProcessing } from "@tributary/domain/event/Event"
import * as Lift from "@tributary/domain/event/Lift"
import * as MergePartner from "@tributary/domain/event/MergePartner"
import * as PersonProfile from "@tributary/domain/event/PersonProfile"
import type { Properties } from "@tributary/domain/event/Properties"
import { clean } from "@tributary/domain/event/Text"
import type { Project } from "@tributary/domain/project/Project"

export const T0 = Date.UTC(2024, 4, 1, 10)
export const minutes = (count: number): number => count * 60_000

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

/** Short names of the notation: `set` is `$set`, `once` is `$set_once`, `unset` is `$unset`. */
const spelled = ({ once, set, unset, ...rest }: Properties): Properties => ({
  ...rest,
  ...(set === undefined ? {} : { $set: set }),
  ...(once === undefined ? {} : { $set_once: once }),
  ...(unset === undefined ? {} : { $unset: unset })
})

const team1 = aProject(1)

export const event = (name: string, distinctId: string, said: Properties = {}, options: Options = {}): Draft => {
  const sent = spelled(said)
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

export const E = (distinctId: string, said?: Properties, options?: Options): Draft =>
  event("custom", distinctId, said, options)

export const A = (distinctId: string, said?: Properties, options?: Options): Draft =>
  event("custom", distinctId, { ...said, $process_person_profile: false }, options)

/** `I(target, source)`: the notation's `I(target←source)`. */
export const I = (target: string, source: unknown, said?: Properties, options?: Options): Draft =>
  event("$identify", target, { ...said, $anon_distinct_id: source }, options)

export const AL = (target: string, source: unknown, said?: Properties, options?: Options): Draft =>
  event("$create_alias", target, { ...said, alias: source }, options)

export const MD = (target: string, source: unknown, said?: Properties, options?: Options): Draft =>
  event("$merge_dangerously", target, { ...said, alias: source }, options)

/** On the distinct id `u`, unless said otherwise. */
export const GI = (type: unknown, key: unknown, set?: unknown, said?: Properties, distinctId = "u"): Draft =>
  event("$groupidentify", distinctId, {
    ...said,
    $group_type: type,
    $group_key: key,
    ...(set === undefined ? {} : { $group_set: set })
  })
