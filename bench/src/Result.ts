/** What a case comes to: an entry of the JSON file (INTERFACE, bench). */

import type { LogName } from "./World.ts"

export interface Result {
  readonly case: string
  readonly log: LogName
  readonly rounds: number
  /** Median over rounds, of the measured process alone. */
  readonly eventsPerCoreSecond: number
  readonly baseline: {
    readonly name: string
    readonly eventsPerCoreSecond: number
    readonly eventsPerSecond?: number
    readonly p99Ms?: number
  }
  /** Ours over the baseline's. */
  readonly ratio: number
  /** By the clock, where that is what is compared. */
  readonly eventsPerSecond?: number
  readonly limit?: { readonly name: string; readonly eventsPerCoreSecond: number }
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly p99Ratio?: number
  readonly p95QueryableMs?: number
}

/** The middle one of sorted values, or the mean of the middle two. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The value below which this part of all values lies. */
export const quantile = (values: ReadonlyArray<number>, part: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN

/** Largest over smallest: what the machine's other work did to the rounds. */
export const spread = (values: ReadonlyArray<number>): number => Math.max(...values) / Math.min(...values)
