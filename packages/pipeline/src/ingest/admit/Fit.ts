/** Whether an event is fit for its project (spec worker 1.5–1.8, 1.18). Plain functions, one event at a time. */
import * as ClientWarning from "@tributary/domain/event/ClientWarning"
import * as MergePartner from "@tributary/domain/event/MergePartner"
import * as Outcome from "@tributary/domain/event/Outcome"
import type { Position } from "@tributary/domain/event/Position"
import * as Sanitize from "@tributary/domain/event/Sanitize"
import * as Text from "@tributary/domain/event/Text"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Validate from "@tributary/domain/event/Validate"
import * as EventFilter from "@tributary/domain/project/EventFilter"
import * as EventSchema from "@tributary/domain/project/EventSchema"
import type { Project } from "@tributary/domain/project/Project"
import type { Settings } from "../Settings.ts"
import type { Notes } from "../Stage.ts"
import type { Admitted } from "./Admitted.ts"
import type { Body } from "./Body.ts"
import type { Headers } from "./Headers.ts"

/** A message whose project is known. */
export interface Known {
  readonly at: Position
  readonly headers: Headers
  readonly body: Body
  readonly project: Project
  /** The record's time, for messages without `now`. */
  readonly recordTime: number
  readonly isPersonProcessingForcedOff: boolean
}

/** Counts of a project's event filter, summed up over the batch. */
export type FilterCount = (project: Project, filterId: string, metric: "dropped" | "would_be_dropped") => void

export const admit = (
  known: Known,
  settings: Settings,
  notes: Notes,
  count: FilterCount
): Outcome.Outcome<Admitted> => {
  const { at, body, headers, project } = known
  const partner = MergePartner.of(body.event, body.properties)
  const clean = body.mayNeedCleaning ? Text.cleanJson(body.properties) : body.properties
  const event = Text.clean(body.event)
  const distinctId = Text.clean(body.distinctId)
  const about = { team: project.id, uuid: body.uuid, event, distinctId }
  const capturedAt = time(headers.now)
  const receivedAt = time(body.now) ?? capturedAt ?? Timestamp.within(known.recordTime, Timestamp.earliest)

  const unfit =
    Validate.distinctId(project.id, headers.distinctId) ??
    Validate.distinctId(project.id, distinctId) ??
    Validate.groupKey(about, clean) ??
    Validate.mergePartner(about, clean) ??
    (settings.schemaEnforcement && project.eventSchemas !== null
      ? EventSchema.reject(project.eventSchemas, about, clean)
      : undefined) ??
    Validate.age(about, {
      timestamp: headers.timestamp,
      receivedAt,
      thresholdSeconds: project.dropEventsOlderThanSeconds
    })
  if (unfit !== undefined) {
    notes.warnings.push(unfit.warning)
    return Outcome.drop(unfit.reason)
  }
  if (project.eventFilter !== null) {
    const verdict = EventFilter.verdict(project.eventFilter, { eventName: event, distinctId })
    if (verdict !== undefined) count(project, project.eventFilter.id, verdict)
    if (verdict === "dropped") return Outcome.drop("event_filter")
  }
  if (clean["$cookieless_mode"]) return cookieless(project, settings)
  if (event === ClientWarning.eventName) {
    notes.warnings.push(ClientWarning.toWarning(about, clean))
    return Outcome.drop("client_ingestion_warning")
  }
  const properties = Sanitize.sanitize(verified(clean, project, headers.token), {
    set: cleaned(body, body.set),
    setOnce: cleaned(body, body.setOnce),
    unset: body.mayNeedCleaning ? Text.cleanJson(body.unset) : body.unset,
    ip: body.ip,
    sentAt: body.sentAt
  })
  return Outcome.next({
    at,
    project,
    uuid: body.uuid,
    event,
    distinctId,
    properties,
    timestamp: body.timestamp,
    receivedAt,
    capturedAt: capturedAt ?? null,
    historicalMigration: isHistorical(headers, capturedAt),
    isPersonProcessingForcedOff: known.isPersonProcessingForcedOff,
    partner
  })
}

const cleaned = <A>(body: Body, value: A): A => (body.mayNeedCleaning ? Text.cleanJson(value) : value)

/** A time of capture; undefined where there is none, or none that a table could hold. */
const time = (text: string | undefined): number | undefined => {
  const at = text === undefined || text === "" ? undefined : Timestamp.parseWorker(text)
  return at === undefined || Timestamp.within(at, Timestamp.earliest) !== at ? undefined : at
}

/** 48 h: younger events are no import, whatever the header says (spec worker 1.5). */
const youngestImportMs = 48 * 3_600_000

const isHistorical = (headers: Headers, capturedAt: number | undefined): boolean => {
  if (!headers.historicalMigration) return false
  if (headers.timestamp === undefined || capturedAt === undefined) return true
  const at = /^-?\d+$/.test(headers.timestamp) ? Number(headers.timestamp) : Timestamp.parseWorker(headers.timestamp)
  return at === undefined || capturedAt - at >= youngestImportMs
}

/**
 * Events of cookieless mode (spec worker 1.18). Their distinct ids are not computed here, so a project that has the mode
 * on gets them as dead letters, to be replayed, rather than under the placeholder that all of its visitors share.
 */
const cookieless = (project: Project, settings: Settings): Outcome.Drop | Outcome.DeadLetter => {
  if (settings.cookielessDisabled) return Outcome.drop("cookieless_globally_disabled")
  if (project.cookielessMode === 0) return Outcome.drop("cookieless_team_disabled")
  return Outcome.deadLetter("cookieless_fail_close", "cookieless", "cookieless mode is not available")
}

/** `$verified` is the server's word: true for events sent with the project's secret token, absent otherwise. */
const verified = (properties: Admitted["properties"], project: Project, token: string | undefined) => {
  const isSecret = token !== undefined && (token === project.secretApiToken || token === project.secretApiTokenBackup)
  if (isSecret) return { ...properties, $verified: true }
  if (!Object.hasOwn(properties, "$verified")) return properties
  const { $verified: _, ...rest } = properties
  return rest
}
