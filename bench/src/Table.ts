/** The printed form of results: a table, and a line about the machine. */
import { availableParallelism, cpus, loadavg } from "node:os"
import type { Result } from "./Result.ts"

const whole = (value: number | undefined): string => (value === undefined ? "" : Math.round(value).toLocaleString("en"))
const millis = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(1))

const columns: ReadonlyArray<readonly [title: string, cell: (result: Result) => string]> = [
  ["case", (r) => r.case],
  ["log", (r) => r.log],
  ["events/core-s", (r) => whole(r.eventsPerCoreSecond)],
  ["baseline", (r) => r.baseline.name],
  ["its events/core-s", (r) => whole(r.baseline.eventsPerCoreSecond)],
  ["ratio", (r) => r.ratio.toFixed(3)],
  ["p50 ms", (r) => millis(r.p50Ms)],
  ["p99 ms", (r) => millis(r.p99Ms)],
  ["its p99 ms", (r) => millis(r.baseline.p99Ms)],
  ["p95 queryable ms", (r) => whole(r.p95QueryableMs)]
]

export const lines = (results: ReadonlyArray<Result>): ReadonlyArray<string> => {
  const rows = [columns.map(([title]) => title), ...results.map((result) => columns.map(([, cell]) => cell(result)))]
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd()
  )
}

/** What the figures depend on. */
export const machine = (): string => {
  const [one, five] = loadavg()
  return (
    `${availableParallelism()} cores (${cpus()[0]?.model ?? "unknown"}), Node ${process.versions.node}, load ${one?.toFixed(1)} now and ` +
    `${five?.toFixed(1)} over 5 minutes. Events per core-second count the measured process alone, so other work on this ` +
    "machine costs them little (caches, clock); latencies suffer from it. Trust the ratios."
  )
}
