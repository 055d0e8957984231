/** Lets fibers wait until something has changed since they looked, without missing what happens in between. */
import * as Effect from "effect/Effect"

export interface Changes {
  /** How often `happened` was called. Read it before looking. */
  readonly count: () => number
  /** Wakes everyone who waits. */
  readonly happened: () => void
  /** Waits until the count is not `seen` any more. */
  readonly after: (seen: number) => Effect.Effect<void>
}

export const make = (): Changes => {
  const waiting = new Set<() => void>()
  let count = 0
  return {
    count: () => count,
    happened: () => {
      count++
      const all = [...waiting]
      waiting.clear()
      for (const wake of all) wake()
    },
    after: (seen) =>
      Effect.callback((resume) => {
        if (count !== seen) return resume(Effect.void)
        const wake = () => resume(Effect.void)
        waiting.add(wake)
        return Effect.sync(() => waiting.delete(wake))
      })
  }
}
