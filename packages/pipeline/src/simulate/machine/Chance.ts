/** Numbers from a seed: the same seed and name, the same numbers. */
export interface Chance {
  /** 0 up to, not including, 1. */
  readonly next: () => number
  /** A whole number from 0 up to, not including, `below`. */
  readonly int: (below: number) => number
  readonly happens: (probability: number) => boolean
  readonly pick: <A>(values: ReadonlyArray<A>) => A
}

/** `name` keeps streams of one seed apart, so that what is drawn from one does not move the others. */
export const make = (seed: number, name: string): Chance => {
  let state = seed >>> 0
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return { next, int, happens: (probability) => next() < probability, pick: (values) => values[int(values.length)]! }
}
