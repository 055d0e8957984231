/** Lets so many requests in at a time; the others wait in order, nobody is sent away (`CONCURRENCY_LIMIT`, spec capture 1.8). */

export interface Gate {
  /** Calls `start` when there is room, at once if there is. What it calls must call `leave` once. */
  readonly enter: (start: () => void) => void
  readonly leave: () => void
}

const open: Gate = { enter: (start) => start(), leave: () => {} }

/** A gate for at most `limit` requests; without a limit it is always open. */
export const make = (limit: number | undefined): Gate => {
  if (limit === undefined) return open
  const waiting: Array<() => void> = []
  let inside = 0
  return {
    enter: (start) => {
      if (inside < limit) {
        inside += 1
        start()
      } else waiting.push(start)
    },
    leave: () => {
      const next = waiting.shift()
      if (next === undefined) inside -= 1
      else next()
    }
  }
}
