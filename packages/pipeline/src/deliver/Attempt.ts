/**
 * One attempt at one delivery (spec cdp 3.3, 3.4): inputs are resolved now, the request is signed, sent, and its answer
 * read. Everything that is told of it has been redacted.
 */
import * as Globals from "@tributary/domain/function/Globals"
import type { Target } from "@tributary/domain/function/HogFunction"
import * as Inputs from "@tributary/domain/function/Inputs"
import type { LogEntry } from "@tributary/domain/row/LogEntryRow"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import type { Delivery, LoadedDestination } from "../destination/Destination.ts"
import * as StandardWebhooks from "../destination/StandardWebhooks.ts"
import type { Leased, Settlement } from "../service/DeliveryStore.ts"
import { Outbound, type OutboundError, type OutboundRequest, type OutboundResponse } from "../service/Outbound.ts"
import * as Seldom from "../service/Seldom.ts"
import * as Invocation from "./Invocation.ts"
import * as Redaction from "./Redaction.ts"
import type { MetricName, Reported } from "./Report.ts"
import * as Retry from "./Retry.ts"
import type { Surroundings } from "./Surroundings.ts"

/** A delivery with all that it needs. */
export interface Ready {
  readonly leased: Leased
  readonly loaded: LoadedDestination
  readonly target: Target
  readonly message: Globals.EventMessage
  readonly surroundings: Surroundings
}

export interface Options {
  /** Where people reach the site, without a slash at the end. */
  readonly siteUrl: string
  /** In all; 3 unless given. */
  readonly maxAttempts?: number
}

export interface Attempted {
  readonly settlement: Settlement
  readonly reported: Reported
  readonly metrics: ReadonlyArray<MetricName>
  readonly lines: ReadonlyArray<LogEntry>
}

/** How an attempt ended. `wasSent`: a call was completed or given up, as the metric `fetch` counts. */
type End =
  | { readonly _tag: "Delivered" }
  | { readonly _tag: "Failed"; readonly problem: string; readonly wasSent: boolean }
  | { readonly _tag: "InputsFailed"; readonly problem: string }
  | { readonly _tag: "Again"; readonly retryAfter: string | undefined }

interface Line {
  readonly level: LogEntry["level"]
  readonly message: string
}

interface Ended {
  readonly end: End
  readonly lines: ReadonlyArray<Line>
}

/** Never fails; a bug counts as a failure of this delivery. */
export const make = (ready: Ready, options: Options): Effect.Effect<Attempted, never, Outbound> =>
  attempted(ready, options).pipe(
    Effect.catchDefect((bug) =>
      Effect.as(Seldom.tell(`attempt:${ready.leased.function}`, Effect.logError("a bug failed a delivery", bug)), {
        settlement: {
          ...keyOf(ready.leased),
          attempts: ready.leased.attempts + 1,
          result: { _tag: "Finished" as const, state: "failed" as const }
        },
        reported: ready.loaded.function,
        metrics: ["failed" as const],
        lines: []
      })
    )
  )

const attempted = (
  ready: Ready,
  { maxAttempts = Retry.defaultAttempts, siteUrl }: Options
): Effect.Effect<Attempted, never, Outbound> =>
  Effect.gen(function* () {
    const { leased, loaded, message, surroundings, target } = ready
    const started = yield* Clock.currentTimeMillis
    const attempt = leased.attempts + 1
    const globals = Globals.ofDestination(message, { ...surroundings, source: loaded.function, siteUrl })
    const inputs = Inputs.resolve(target.inputs, globals)
    const redact = Redaction.make(inputs, target.inputs.secretKeys)
    const ended = yield* run(ready, { attempt, globals, inputs, isLast: attempt >= maxAttempts }).pipe(
      Effect.catchDefect((bug): Effect.Effect<Ended> => {
        const problem = bug instanceof Error ? bug.message : String(bug)
        return Effect.succeed({ end: { _tag: "Failed", problem, wasSent: false }, lines: [] })
      })
    )
    const now = yield* Clock.currentTimeMillis
    const lines = [...ended.lines, ...closing(ended.end, message, { ms: now - started, siteUrl })]
    const invocation = Invocation.idOf(leased)
    return {
      settlement: { ...keyOf(leased), attempts: attempt, result: yield* resultOf(ended.end, attempt, now) },
      reported: loaded.function,
      metrics: metricsOf(ended.end),
      lines: lines.map(({ level, message: text }) => ({
        team: leased.team,
        source: "hog_function",
        sourceId: loaded.function.id,
        instanceId: invocation,
        timestamp: now,
        level,
        message: Redaction.cutLine(redact(text))
      }))
    }
  })

const keyOf = ({ event, function: id, leaseEnd, mapping }: Leased) => ({ event, function: id, mapping, leaseEnd })

/** A delivery whose function, mapping or message is not there any more: no attempt, and nothing to tell. */
export const removed = (leased: Leased): Attempted => ({
  settlement: { ...keyOf(leased), attempts: leased.attempts, result: { _tag: "Finished", state: "removed" } },
  reported: { id: leased.function, team: leased.team },
  metrics: [],
  lines: []
})

/** A delivery of which nothing could be found out: no attempt, and the same again later. */
export const postponed = (leased: Leased, dueAt: number): Attempted => ({
  settlement: { ...keyOf(leased), attempts: leased.attempts, result: { _tag: "Again", dueAt } },
  reported: { id: leased.function, team: leased.team },
  metrics: [],
  lines: []
})

interface Trial {
  /** From 1. */
  readonly attempt: number
  readonly isLast: boolean
  readonly globals: ReturnType<typeof Globals.ofDestination>
  readonly inputs: ReturnType<typeof Inputs.resolve>
}

const run = Effect.fnUntraced(function* (
  { leased, loaded }: Ready,
  trial: Trial
): Effect.fn.Return<Ended, never, Outbound> {
  const prepared = loaded.destination.prepare(trial.globals, trial.inputs)
  if (Result.isFailure(prepared)) return { end: { _tag: "InputsFailed", problem: prepared.failure }, lines: [] }
  const delivery = prepared.success
  const now = yield* Clock.currentTimeMillis
  const signed = sign(delivery, Invocation.idOf(leased), Math.floor(now / 1000))
  if (Result.isFailure(signed)) {
    return { end: { _tag: "Failed", problem: signed.failure, wasSent: false }, lines: [] }
  }
  const request = signed.success
  const lines: Array<Line> =
    delivery.debug === true ? [{ level: "info", message: `Request: ${describe(request)}` }] : []
  const answer = yield* Effect.result(Outbound.use((outbound) => outbound.send(request)))
  if (Result.isFailure(answer)) {
    const ended = unanswered(answer.failure, trial)
    return { end: ended.end, lines: [...lines, ...ended.lines] }
  }
  const response = answer.success
  if (delivery.debug === true) lines.push({ level: "info", message: `Response ${response.status}: ${response.body}` })
  const ended = answered(delivery, response, trial)
  return { end: ended.end, lines: [...lines, ...ended.lines] }
})

const describe = ({ body, headers, method, url }: OutboundRequest): string =>
  `${method} ${url} ${JSON.stringify(headers)}${body === undefined ? "" : ` ${body}`}`

/** Headers of the caller that mean the same as ours give way. */
const sign = (
  { request, signingSecret }: Delivery,
  id: string,
  timestamp: number
): Result.Result<OutboundRequest, string> => {
  if (signingSecret === undefined) return Result.succeed(request)
  return Result.map(StandardWebhooks.sign(signingSecret, { id, timestamp, body: request.body ?? "" }), (signature) => {
    const own = Object.entries(request.headers).filter(([name]) => !Object.hasOwn(signature, name.toLowerCase()))
    return { ...request, headers: { ...Object.fromEntries(own), ...signature } }
  })
}

const isExempt = ({ exempt = [] }: Delivery, status: number): boolean =>
  exempt.some((one) => Number(one) === status || one === `${Math.floor(status / 100)}xx`)

const unanswered = (error: OutboundError, { attempt, isLast }: Trial): Ended => {
  const problem = `HTTP fetch failed on attempt ${attempt}: ${kindOf(error)}${error.detail}.`
  if (!Retry.isRetriableError(error)) {
    return {
      end: { _tag: "Failed", problem: error.detail, wasSent: false },
      lines: [{ level: "error", message: problem }]
    }
  }
  if (isLast) {
    const lines: ReadonlyArray<Line> = [{ level: "error", message: problem }]
    return { end: { _tag: "Failed", problem: `${kindOf(error)}${error.detail}`, wasSent: true }, lines }
  }
  return { end: { _tag: "Again", retryAfter: undefined }, lines: [{ level: "warn", message: `${problem} Retrying.` }] }
}

const kinds = { Connect: "connect: ", Timeout: "timeout: ", Network: "network: ", NotAllowed: "" } as const
const kindOf = ({ reason }: OutboundError): string => kinds[reason]

const answered = (delivery: Delivery, response: OutboundResponse, { attempt, isLast }: Trial): Ended => {
  const { retryAfter, status } = response
  const problem = `HTTP fetch failed on attempt ${attempt} with status code ${status}.`
  if (isExempt(delivery, status)) {
    const lines: ReadonlyArray<Line> = [{ level: "info", message: `${problem} This status is no failure here.` }]
    return { end: { _tag: "Delivered" }, lines }
  }
  if (Retry.isRetriableStatus(status) && !isLast) {
    return { end: { _tag: "Again", retryAfter }, lines: [{ level: "warn", message: `${problem} Retrying.` }] }
  }
  const lines: ReadonlyArray<Line> = status >= 400 ? [{ level: "error", message: problem }] : []
  const interpretation = delivery.interpret(response)
  switch (interpretation._tag) {
    case "Delivered":
      return { end: { _tag: "Delivered" }, lines }
    case "Skipped":
      return { end: { _tag: "Delivered" }, lines: [...lines, { level: "info", message: interpretation.note }] }
    case "Failed":
      return { end: { _tag: "Failed", problem: interpretation.problem, wasSent: true }, lines }
  }
}

/** The last lines of an invocation; another attempt has none yet. */
const closing = (
  end: End,
  message: Globals.EventMessage,
  { ms, siteUrl }: { readonly ms: number; readonly siteUrl: string }
): ReadonlyArray<Line> => {
  switch (end._tag) {
    case "Delivered":
      return [
        { level: "debug", message: `Function completed in ${ms}ms. Event: '${Globals.eventUrl(message, siteUrl)}'` }
      ]
    case "Failed":
    case "InputsFailed":
      return [{ level: "error", message: `Error executing function on event ${message.uuid}: ${end.problem}` }]
    case "Again":
      return []
  }
}

const metricsOf = (end: End): ReadonlyArray<MetricName> => {
  switch (end._tag) {
    case "Delivered":
      return ["fetch", "succeeded"]
    case "Failed":
      return end.wasSent ? ["fetch", "failed"] : ["failed"]
    case "InputsFailed":
      return ["inputs_failed"]
    case "Again":
      return []
  }
}

const resultOf = (end: End, attempt: number, now: number): Effect.Effect<Settlement["result"]> => {
  switch (end._tag) {
    case "Delivered":
      return Effect.succeed({ _tag: "Finished", state: "delivered" })
    case "Failed":
    case "InputsFailed":
      return Effect.succeed({ _tag: "Finished", state: "failed" })
    case "Again":
      return Effect.map(Random.next, (chance) => ({
        _tag: "Again",
        dueAt: now + Retry.delayMs(attempt, end.retryAfter, { chance, now })
      }))
  }
}
