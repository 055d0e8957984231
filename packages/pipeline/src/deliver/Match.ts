/**
 * Which events go to which destinations (spec cdp 3.1): filters, then mappings, then masks; what remains is enqueued.
 *
 * Nothing is sent here, so neither a slow destination nor a failing one holds it up.
 */
import { createHash } from "node:crypto"
import * as Globals from "@tributary/domain/function/Globals"
import type { HogFunction } from "@tributary/domain/function/HogFunction"
import * as Template from "@tributary/domain/function/Template"
import type { LogEntry } from "@tributary/domain/row/LogEntryRow"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Result from "effect/Result"
import { DeliveryStore, type Enqueued, type Mask, type NewDelivery } from "../service/DeliveryStore.ts"
import * as Divide from "../service/Divide.ts"
import type { EventGroups } from "../service/EventGroups.ts"
import { FunctionStore, type TeamFunctions } from "../service/FunctionStore.ts"
import type * as Health from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import type { Producer } from "../service/Producer.ts"
import type { ProjectStore } from "../service/ProjectStore.ts"
import * as Seldom from "../service/Seldom.ts"
import * as Span from "../service/Span.ts"
import { describe } from "../service/StoreError.ts"
import * as Invocation from "./Invocation.ts"
import * as Report from "./Report.ts"
import * as Surroundings from "./Surroundings.ts"

const unreadableTotal = Metric.counter("delivery_unreadable_events_total", {
  description: "Messages of clickhouse_events_json that delivery could not read and passed over",
  incremental: true
})

/** An event of a project with destinations. */
interface Candidate {
  readonly text: string
  readonly message: Globals.EventMessage
  readonly functions: TeamFunctions
}

export interface Options {
  /** Where people reach the site, without a slash at the end. */
  readonly siteUrl: string
}

/** Matches and enqueues a batch. When it succeeds, everything is in the queue, and the offsets may be committed. */
export const batch = (
  records: ReadonlyArray<LogRecord>,
  options: Options
): Effect.Effect<void, never, FunctionStore | ProjectStore | EventGroups | DeliveryStore | Producer | Health.Health> =>
  Effect.gen(function* () {
    const candidates = yield* withDestinations(records)
    if (candidates.length === 0) return
    const surroundings = yield* Surroundings.load(
      candidates.map(({ message }) => message),
      (index) => candidates[index]?.functions.destinations.some(looksAtGroups) ?? false
    )
    const report = new Report.Report()
    const now = yield* Clock.currentTimeMillis
    const deliveries = candidates.flatMap((candidate, index) => {
      const around = surroundings[index]
      return around === undefined ? [] : match(candidate, around, { ...options, now, report })
    })
    const enqueuing = Span.within("Deliver.enqueue", { deliveries: deliveries.length })
    const outcomes = yield* enqueue(deliveries).pipe(enqueuing)
    outcomes.forEach((outcome, index) => {
      const delivery = deliveries[index]
      if (delivery === undefined || outcome === "duplicate") return
      report.count({ id: delivery.function, team: delivery.team }, outcome === "masked" ? "masked" : "triggered")
    })
    yield* Report.publish(report)
  }).pipe(Span.within("Deliver.match", { messages: records.length }))

const decoder = new TextDecoder()

/** The inside of a message is read only for projects that have destinations. */
const withDestinations = Effect.fnUntraced(function* (records: ReadonlyArray<LogRecord>) {
  let unreadable = 0
  const envelopes = records.flatMap(({ value }) => {
    const text = value === null ? "" : decoder.decode(value)
    const envelope = Globals.parseEnvelope(text)
    if (envelope === undefined) unreadable += 1
    return envelope === undefined ? [] : [{ text, envelope }]
  })
  const teams = new Set(envelopes.map(({ envelope }) => envelope.team))
  const { found: functions, refused } = yield* Divide.lookUp(teams, (some) =>
    FunctionStore.use((store) => store.forTeams(some))
  )
  for (const [team, error] of refused) {
    yield* Effect.logError("functions cannot be read: a project's events are passed over by delivery", {
      team,
      cause: describe(error)
    })
  }
  const candidates = envelopes.flatMap(({ envelope, text }): ReadonlyArray<Candidate> => {
    const ofTeam = functions.get(envelope.team)
    if (ofTeam === undefined || ofTeam.destinations.length === 0) return []
    const message = Globals.openEnvelope(envelope)
    if (message === undefined) unreadable += 1
    return message === undefined ? [] : [{ text, message, functions: ofTeam }]
  })
  if (unreadable > 0) {
    yield* Metric.update(unreadableTotal, unreadable)
    yield* Effect.logWarning("events that could not be read were passed over by delivery", { events: unreadable })
  }
  return candidates
})

const looksAtGroups = ({ function: { filter, masking, targets } }: { readonly function: HogFunction }): boolean =>
  filter.groups.size > 0 ||
  targets.some((target) => target.filter.groups.size > 0) ||
  (masking !== null && Surroundings.namesGroups(masking.hash))

interface Matching extends Options {
  readonly now: number
  readonly report: Report.Report
}

/** What one event is delivered to. */
const match = (
  { functions, message, text }: Candidate,
  surroundings: Surroundings.Surroundings,
  matching: Matching
): ReadonlyArray<NewDelivery> => {
  const subject = Globals.subjectOf(message, surroundings.groups)
  return functions.destinations.flatMap(({ function: self }) => {
    try {
      if ((message.historicalMigration && !self.filter.includesImports) || !self.filter.matches(subject)) {
        matching.report.count(self, "filtered")
        return []
      }
      const matched = self.targets.filter(({ filter }) => {
        const matches = filter.matches(subject)
        if (!matches) matching.report.count(self, "filtered")
        return matches
      })
      const mask = matched.length === 0 ? null : maskOf(self, message, surroundings, matching)
      return matched.map(({ mapping }) => ({
        event: message.uuid,
        function: self.id,
        mapping,
        team: self.team,
        message: text,
        mask
      }))
    } catch (thrown) {
      matching.report.count(self, "filtering_failed")
      matching.report.log([filteringFailed(self, message, matching.now, thrown)])
      return []
    }
  })
}

const filteringFailed = (
  self: HogFunction,
  message: Globals.EventMessage,
  timestamp: number,
  thrown: unknown
): LogEntry => ({
  team: self.team,
  source: "hog_function",
  sourceId: self.id,
  instanceId: Invocation.idOf({ event: message.uuid, function: self.id, mapping: -1 }),
  timestamp,
  level: "error",
  message: `Error filtering event ${message.uuid}: ${thrown instanceof Error ? thrown.message : String(thrown)}`
})

/** Null where the function has none, or its hash is falsy for this event. */
const maskOf = (
  self: HogFunction,
  message: Globals.EventMessage,
  { groups, project }: Surroundings.Surroundings,
  { siteUrl }: Options
): Mask | null => {
  if (self.masking === null) return null
  const { hash, threshold, ttlSeconds } = self.masking
  const value = Template.evaluate(hash, Globals.ofDestination(message, { project, source: self, groups, siteUrl }))
  if (!value) return null
  return { hash: createHash("md5").update(Template.toText(value)).digest("hex"), ttlSeconds, threshold }
}

/** By index. A delivery that the store refuses for good is left out, and counts as one that was there before. */
const enqueue = (
  deliveries: ReadonlyArray<NewDelivery>
): Effect.Effect<ReadonlyArray<Enqueued>, never, DeliveryStore | Health.Health> =>
  Effect.gen(function* () {
    const outcomes: Array<Enqueued> = []
    const parts = yield* Divide.ask(deliveries, (some) => DeliveryStore.use((store) => store.enqueue(some)))
    for (const { answer, keys } of parts) {
      if (Result.isSuccess(answer)) outcomes.push(...answer.success)
      else {
        outcomes.push("duplicate")
        const [{ event, function: id } = { event: "", function: "" }] = keys
        const told = { event, function: id, cause: describe(answer.failure) }
        const line = Effect.logError("a delivery cannot be enqueued and is left out", told)
        yield* Seldom.tell(`enqueue:${id}`, line)
      }
    }
    return outcomes
  })
