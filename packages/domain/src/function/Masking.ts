/**
 * Masking: at most one delivery of a kind in a window of time (spec cdp 1.5).
 *
 * A counter per function and hash is raised by the occurrences of a batch at once; it begins anew when its window is
 * over, and a window is not moved by later occurrences.
 */
import type { Template } from "./Template.ts"

export interface Masking {
  /** A falsy result: the delivery is not masked. */
  readonly hash: Template
  /** 1 to 86,400. */
  readonly ttlSeconds: number
  /** Null: only the first of a window passes; N: numbers 1, N + 1, 2 N + 1, … pass. */
  readonly threshold: number | null
}

/** How many of the occurrences that raise a counter from `before` to `after` pass: the first ones. */
export const passing = (before: number, after: number, threshold: number | null): number => {
  if (threshold === null) return before === 0 && after > 0 ? 1 : 0
  const windowsUpTo = (count: number): number => (count === 0 ? -1 : Math.floor((count - 1) / threshold))
  return windowsUpTo(after) - windowsUpTo(before)
}
