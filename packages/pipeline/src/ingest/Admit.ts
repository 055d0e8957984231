/**
 * Step 0: which messages are events of a project, and fit to be processed (spec worker 1, stages 1–14).
 *
 * Cheap checks first: what operators decided needs headers only, then the body is parsed, then the project is found by its
 * API key, in one look-up for the batch, and last come the checks that the project's settings ask for.
 */
import * as Outcome from "@tributary/domain/event/Outcome"
import type { Project } from "@tributary/domain/project/Project"
import type { AppMetric } from "@tributary/domain/row/AppMetricRow"
import * as Effect from "effect/Effect"
import * as Divide from "../service/Divide.ts"
import type * as Health from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import { ProjectStore } from "../service/ProjectStore.ts"
import { Restrictions } from "../service/Restrictions.ts"
import type { Admitted } from "./admit/Admitted.ts"
import * as Allowed from "./admit/Allowed.ts"
import * as Body from "./admit/Body.ts"
import * as Fit from "./admit/Fit.ts"
import * as Headers from "./admit/Headers.ts"
import type { Settings } from "./Settings.ts"
import { alone, failed, type Notes, type Stage } from "./Stage.ts"

/** A message that may be processed once its project is known. */
interface Parsed {
  readonly token: string
  readonly headers: Headers.Headers
  readonly body: Body.Body
  readonly isPersonProcessingForcedOff: boolean
}

export const make =
  (
    settings: Settings,
    overflowTopic: string
  ): Stage<LogRecord, Admitted, never, ProjectStore | Restrictions | Health.Health> =>
  (records, notes) =>
    Effect.gen(function* () {
      const restrictions = yield* Restrictions
      const parsed = records.map((record) => alone("admit", () => parse(record, restrictions, settings, overflowTopic)))
      const tokens = new Set<string>()
      for (const outcome of parsed) if (outcome._tag === "Continue") tokens.add(outcome.value.token)
      const projects = yield* Divide.lookUp(tokens, (some) => ProjectStore.use((store) => store.byTokens(some)))
      const { add, metrics } = filterCounts()
      const outcomes = parsed.map((outcome, index) =>
        outcome._tag === "Continue" ? admit(outcome.value, records[index]!, projects, settings, notes, add) : outcome
      )
      notes.metrics.push(...metrics())
      return outcomes
    })

const parse = (
  record: LogRecord,
  restrictions: Restrictions["Service"],
  settings: Settings,
  overflowTopic: string
): Outcome.Outcome<Parsed> => {
  const headers = Headers.read(record)
  const { token } = headers
  const restricted =
    token === undefined
      ? nothing
      : restrictions.of({
          token,
          distinctId: headers.distinctId,
          sessionId: headers.sessionId,
          event: headers.event,
          uuid: headers.uuid
        })
  // A second redirect would be a second message; should the first delivery not have made one, nothing is lost (spec worker 6.5).
  const mayRedirect = record.topic !== overflowTopic && record.wasApplied !== true
  const refused = Allowed.refuse(headers, restricted, settings, mayRedirect)
  if (refused !== undefined) return refused
  const body = Body.read(record)
  if (body._tag !== "Continue") return body
  const denied = Allowed.refuseName(body.value.event, settings)
  if (denied !== undefined) return denied
  if (token === undefined || token === "") return Outcome.drop("no_token")
  return Outcome.next({
    token,
    headers,
    body: body.value,
    isPersonProcessingForcedOff: headers.forceDisablePersonProcessing || restricted.has("skip_person_processing")
  })
}

const nothing: ReadonlySet<never> = new Set()

const admit = (
  { body, headers, isPersonProcessingForcedOff, token }: Parsed,
  record: LogRecord,
  projects: Divide.Found<string, Project | undefined>,
  settings: Settings,
  notes: Notes,
  count: Fit.FilterCount
): Outcome.Outcome<Admitted> => {
  const refusal = projects.refused.get(token)
  if (refusal !== undefined) return failed("admit", refusal)
  const project = projects.found.get(token)
  if (project === undefined) return Outcome.drop("invalid_token")
  const { offset, partition, topic } = record
  const at = { topic, partition, offset }
  const known = { at, headers, body, project, recordTime: record.timestamp, isPersonProcessingForcedOff }
  const fit = alone("admit", () => Fit.admit(known, settings, notes, count))
  return fit._tag === "DeadLetter" ? { ...fit, team: project.id } : fit
}

/** One message per project, filter and metric of a batch (spec worker 6.11). */
const filterCounts = () => {
  const counts = new Map<string, { metric: Omit<AppMetric, "count">; count: number }>()
  const add: Fit.FilterCount = (project, appSourceId, name) => {
    const key = `${project.id}:${appSourceId}:${name}`
    const known = counts.get(key)
    if (known !== undefined) known.count += 1
    else {
      const metric = { team: project.id, appSource: "event_filter", appSourceId, kind: "other", name }
      counts.set(key, { metric, count: 1 })
    }
  }
  return { add, metrics: () => [...counts.values()].map(({ count, metric }) => ({ ...metric, count })) }
}
