/**
 * Step 1: the only place that may change an event or drop it (spec worker 1, stages 20a–20d; 1.11–1.13, 1.16).
 *
 * Around the project's own transformations stand the rules that always apply: whether the event may touch people is decided
 * before them, and what they leave is normalised after them: properties are lifted, the time is read, heatmap points are
 * taken out.
 */
import type { Event } from "@tributary/domain/event/Event"
import * as Heatmap from "@tributary/domain/event/Heatmap"
import * as Lift from "@tributary/domain/event/Lift"
import * as MergePartner from "@tributary/domain/event/MergePartner"
import * as Outcome from "@tributary/domain/event/Outcome"
import * as PersonProfile from "@tributary/domain/event/PersonProfile"
import type { Properties } from "@tributary/domain/event/Properties"
import * as Sanitize from "@tributary/domain/event/Sanitize"
import * as Text from "@tributary/domain/event/Text"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Validate from "@tributary/domain/event/Validate"
import * as HeatmapRow from "@tributary/domain/row/HeatmapRow"
import * as Topics from "@tributary/domain/row/Topics"
import type { Subject } from "@tributary/domain/warning/Warning"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Divide from "../service/Divide.ts"
import { FunctionStore } from "../service/FunctionStore.ts"
import type * as Health from "../service/Health.ts"
import * as Runner from "../transformation/Runner.ts"
import type { TransformationEvent } from "../transformation/Transformation.ts"
import { type Admitted, subject } from "./admit/Admitted.ts"
import { alone, failed, type Notes, onSurvivors, type Stage } from "./Stage.ts"

/** An event of which it is decided whether it may touch people. */
interface Profiled {
  readonly admitted: Admitted
  readonly processing: Event["personProcessing"]
  readonly properties: Properties
}

/** The same after the project's transformations. */
interface Transformed extends Profiled {
  readonly event: string
  readonly distinctId: string
  /** False where the project has none: then texts are as clean as they were. */
  readonly wasTransformed: boolean
}

/** Decides, runs the project's transformations, normalises. */
export const stage: Stage<Admitted, Event, never, FunctionStore | Health.Health> = (batch, notes) =>
  Effect.gen(function* () {
    const profiled = batch.map((admitted) => alone("transform", () => decide(admitted, notes)))
    const transformed = yield* onSurvivors(transform, profiled, notes)
    return transformed.map((outcome) =>
      outcome._tag === "Continue" ? alone("transform", () => normalise(outcome.value, notes)) : outcome
    )
  })

/** 20a: may the event touch people? Its properties lose what contradicts the answer. */
const decide = (admitted: Admitted, notes: Notes): Outcome.Outcome<Profiled> => {
  const seenAt = admitted.timestamp ?? Timestamp.toIso(admitted.receivedAt)
  const properties = Lift.surveyShown(admitted.event, admitted.properties, seenAt)
  const decision = PersonProfile.decide(subject(admitted), {
    properties,
    isForcedOff: admitted.isPersonProcessingForcedOff,
    isOptedOut: admitted.project.personProcessingOptOut
  })
  if (decision._tag === "Rejected") {
    notes.warnings.push(decision.rejection.warning)
    return Outcome.drop(decision.rejection.reason)
  }
  if (decision.warning !== undefined) notes.warnings.push(decision.warning)
  // Heatmap events bring points and nothing else: no person either.
  const processing = admitted.event === Heatmap.eventName && decision.processing === "on" ? "off" : decision.processing
  return Outcome.next({
    admitted,
    processing,
    properties: PersonProfile.strip(admitted.event, properties, processing)
  })
}

const none: ReadonlyArray<Runner.LoadedTransformation> = []

/** 20b: what the project configured, in its order. */
const transform: Stage<Profiled, Transformed, never, FunctionStore | Health.Health> = (batch, notes) =>
  Effect.gen(function* () {
    const teams = new Set(batch.map(({ admitted }) => admitted.project.id))
    const functions = yield* Divide.lookUp(teams, (some) => FunctionStore.use((store) => store.forTeams(some)))
    const tally = new Runner.Tally()
    const items = batch.map((profiled) => ({
      loaded: functions.found.get(profiled.admitted.project.id)?.transformations ?? none,
      event: forTransformations(profiled)
    }))
    const results = yield* Runner.runBatch(items, tally)
    const now = yield* Clock.currentTimeMillis
    notes.metrics.push(...tally.metrics())
    for (const { eventUuid, function: by, problem } of tally.failures) {
      notes.logs.push({
        team: by.team,
        source: "hog_function",
        sourceId: by.id,
        instanceId: eventUuid,
        timestamp: now,
        level: "error",
        message: `Error executing function on event ${eventUuid}: ${problem}`
      })
    }
    return results.map((result, index): Outcome.Outcome<Transformed> => {
      const { admitted, processing } = batch[index]!
      const refusal = functions.refused.get(admitted.project.id)
      if (refusal !== undefined) return failed("transform", refusal)
      if (result._tag === "Kept") {
        const { distinctId, event, properties } = result.event
        const wasTransformed = items[index]!.loaded.length > 0
        return Outcome.next({ admitted, processing, properties, event, distinctId, wasTransformed })
      }
      notes.warnings.push({
        team: admitted.project.id,
        type: "event_dropped_by_transformation",
        key: result.by.id,
        details: {
          eventUuid: admitted.uuid,
          event: admitted.event,
          distinctId: admitted.distinctId,
          transformationId: result.by.id,
          transformationName: result.by.name
        }
      })
      return Outcome.drop("event_dropped_by_transformation")
    })
  })

const forTransformations = ({ admitted, properties }: Profiled): TransformationEvent => {
  const ip = properties["$ip"]
  return {
    uuid: admitted.uuid,
    event: admitted.event,
    distinctId: admitted.distinctId,
    properties,
    ip: typeof ip === "string" && ip !== "" ? ip : null,
    timestamp: admitted.timestamp ?? ""
  }
}

/** 20c and 20d: clean what transformations made, lift properties, read the time, take heatmap points out. */
const normalise = (self: Transformed, notes: Notes): Outcome.Outcome<Event> => {
  const { admitted, processing, wasTransformed } = self
  const event = wasTransformed ? Text.clean(self.event) : self.event
  const distinctId = wasTransformed ? Text.clean(self.distinctId) : self.distinctId
  const about = { team: admitted.project.id, uuid: admitted.uuid, event, distinctId }
  const arrived = wasTransformed ? Sanitize.sanitize(Text.cleanJson(self.properties)) : self.properties
  // Lifting, and a transformation too, may put $set where there must be none.
  const properties = PersonProfile.strip(event, Lift.lift(event, arrived), processing)

  const { invalid, time } = Timestamp.forWorker(admitted.timestamp, admitted.receivedAt)
  if (invalid !== undefined) {
    const details = { eventUuid: admitted.uuid, ...invalid }
    notes.warnings.push({ team: about.team, type: "ignored_invalid_timestamp", details })
  }
  const session = Validate.sessionId(about, properties)
  if (session !== undefined) notes.warnings.push(session)

  const refused = admitted.project.heatmapsOptIn ? takePoints(about, properties, time, notes) : undefined
  if (event === Heatmap.eventName) return Outcome.drop(refused ?? "heatmap")
  return Outcome.next({
    at: admitted.at,
    project: admitted.project,
    uuid: admitted.uuid,
    event,
    distinctId,
    properties: Heatmap.without(properties),
    timestamp: time,
    receivedAt: admitted.receivedAt,
    personProcessing: processing,
    historicalMigration: admitted.historicalMigration,
    capturedAt: admitted.capturedAt,
    // Asked for in so many words; the property itself is stripped by now.
    ...(admitted.properties["$process_person_profile"] === true ? { profileRequested: true } : {}),
    partner: processing === "on" ? MergePartner.current(admitted.partner, event, properties) : undefined
  })
}

/** Heatmap points go to a topic of their own; answers why all of them were refused, if they were. */
const takePoints = (about: Subject, properties: Properties, time: number, notes: Notes): string | undefined => {
  if (!Heatmap.hasData(properties)) return undefined
  const { points, refused, warnings } = Heatmap.extract(about, properties)
  notes.warnings.push(...warnings)
  for (const point of points) {
    const value = HeatmapRow.encode(point, about, time)
    notes.messages.push({ topic: Topics.clickhouseHeatmaps, key: about.uuid, value, headers: [] })
  }
  return refused
}
