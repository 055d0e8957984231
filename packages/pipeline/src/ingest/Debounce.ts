/** One warning an hour per team, type and key, per process (spec worker 6.6). */

const hourMs = 3_600_000
/** Above this many keys the expired ones are swept out; 100,000 keys are about 10 MB. */
const sweepAbove = 100_000

/** Answers whether a key may pass now, and remembers that it did. */
export type Debounce = (key: string, nowMs: number) => boolean

export const make = (): Debounce => {
  const passedAt = new Map<string, number>()
  return (key, nowMs) => {
    const last = passedAt.get(key)
    if (last !== undefined && nowMs - last < hourMs) return false
    if (passedAt.size >= sweepAbove) {
      for (const [other, at] of passedAt) if (nowMs - at >= hourMs) passedAt.delete(other)
      if (passedAt.size >= sweepAbove) passedAt.clear()
    }
    passedAt.set(key, nowMs)
    return true
  }
}
