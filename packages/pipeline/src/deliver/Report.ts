/** What deliveries tell a project's owner: metrics and log lines (spec cdp 3.8). */
import * as AppMetricRow from "@tributary/domain/row/AppMetricRow"
import * as LogEntryRow from "@tributary/domain/row/LogEntryRow"
import * as Topics from "@tributary/domain/row/Topics"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { LogMessage } from "../service/LogMessage.ts"
import * as Outputs from "../service/Outputs.ts"
import type { Producer } from "../service/Producer.ts"

const kinds = {
  filtered: "other",
  filtering_failed: "other",
  masked: "other",
  triggered: "other",
  fetch: "other",
  inputs_failed: "failure",
  succeeded: "success",
  failed: "failure"
} as const

export type MetricName = keyof typeof kinds

/** The parts of a function that a report names. */
export interface Reported {
  readonly id: string
  readonly team: number
}

/** Counts and lines of one batch. */
export class Report {
  private readonly counts = new Map<string, AppMetricRow.AppMetric>()
  private readonly lines: Array<LogEntryRow.LogEntry> = []

  count({ id, team }: Reported, name: MetricName): void {
    const key = `${id}:${name}`
    const count = (this.counts.get(key)?.count ?? 0) + 1
    this.counts.set(key, { team, appSource: "hog_function", appSourceId: id, kind: kinds[name], name, count })
  }

  /** Lines of one invocation, in their order; they must hold no secret. */
  log(lines: ReadonlyArray<LogEntryRow.LogEntry>): void {
    this.lines.push(...LogEntryRow.spread(lines))
  }

  messages(now: number): ReadonlyArray<LogMessage> {
    const metrics = [...this.counts.values()].map((metric) => ({
      topic: Topics.clickhouseAppMetrics,
      key: metric.appSourceId,
      value: AppMetricRow.encode(metric, now),
      headers: []
    }))
    const logs = this.lines.map((line) => ({
      topic: Topics.logEntries,
      key: line.instanceId,
      value: LogEntryRow.encode(line),
      headers: []
    }))
    return [...metrics, ...logs]
  }
}

/** Sends a report. What was delivered stays delivered when it cannot be told: a failure is logged, no more. */
export const publish = (report: Report): Effect.Effect<void, never, Producer> =>
  Effect.gen(function* () {
    const messages = report.messages(yield* Clock.currentTimeMillis)
    if (messages.length === 0) return
    const rejections = yield* Outputs.send(messages)
    if (rejections.length > 0)
      yield* Effect.logError("the log refuses metrics or log lines of functions", rejections[0])
  }).pipe(
    Effect.catch((error) =>
      Effect.logError("metrics and log lines of functions could not be sent", String(error.cause))
    )
  )
