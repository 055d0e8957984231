/** Random bytes for uuids, as a service, so that a simulator can draw them from its seed. */
import { randomFillSync } from "node:crypto"
import * as Context from "effect/Context"

/** Answers with so many random bytes (at most 1024), which are valid until the next call. */
export const RandomBytes = Context.Reference<(count: number) => Uint8Array>("@tributary/pipeline/RandomBytes", {
  defaultValue: () => {
    // The system is asked for many at once: a call costs more than the bytes.
    const pool = Buffer.alloc(8192)
    let used = pool.length
    return (count) => {
      if (used + count > pool.length) {
        randomFillSync(pool)
        used = 0
      }
      used += count
      return pool.subarray(used - count, used)
    }
  }
})
