/** How long things took to work again after a fault, and what that comes to by kind. */

export interface Recovery {
  readonly kind: string
  /** Milliseconds until events for all partitions that were sent after the fault were answered with 200. */
  readonly acknowledgedMs: number
  /** Milliseconds until all of them could be queried. */
  readonly queryableMs: number
}

export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

export const describe = ({ acknowledgedMs, queryableMs }: Recovery): string =>
  `acknowledges again after ${inSeconds(acknowledgedMs)}, queryable again after ${inSeconds(queryableMs)}`

/** A line for each kind, sorted: median and worst. */
export const summary = (recoveries: ReadonlyArray<Recovery>): ReadonlyArray<string> =>
  [...Map.groupBy(recoveries, ({ kind }) => kind)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, ofKind]) => {
      const acknowledged = spread(ofKind.map(({ acknowledgedMs }) => acknowledgedMs))
      const queryable = spread(ofKind.map(({ queryableMs }) => queryableMs))
      return `${kind}, ${ofKind.length} overcome: acknowledges again after ${acknowledged}, queryable again after ${queryable}`
    })

const spread = (values: ReadonlyArray<number>): string => {
  const sorted = values.toSorted((a, b) => a - b)
  return `${inSeconds(sorted[Math.floor(sorted.length / 2)] ?? 0)} (worst ${inSeconds(sorted.at(-1) ?? 0)})`
}
