/** Which deliveries of a batch are enqueued: the rules that every `DeliveryStore` follows inside its transaction. */
import * as Masking from "@tributary/domain/function/Masking"
import { type Enqueued, keyOf, maskKey, type NewDelivery } from "./DeliveryStore.ts"

/** A counter after the batch. */
export interface Raised {
  readonly function: string
  readonly hash: string
  readonly count: number
  /** Set where the window begins with this batch. */
  readonly ttlSeconds: number | undefined
}

export interface Plan {
  /** By index. */
  readonly outcomes: ReadonlyArray<Enqueued>
  readonly raised: ReadonlyArray<Raised>
}

/** `exists`: it is enqueued already. `count`: a counter now, 0 without one and when its window is over. */
export const plan = (
  deliveries: ReadonlyArray<NewDelivery>,
  exists: (delivery: NewDelivery) => boolean,
  count: (maskKey: string) => number
): Plan => {
  const outcomes: Array<Enqueued> = []
  const seen = new Set<string>()
  const masked = new Map<string, Array<number>>()
  deliveries.forEach((delivery, index) => {
    const key = keyOf(delivery)
    const isDuplicate = seen.has(key) || exists(delivery)
    outcomes.push(isDuplicate ? "duplicate" : "enqueued")
    seen.add(key)
    if (isDuplicate || delivery.mask === null) return
    const mask = maskKey(delivery.function, delivery.mask.hash)
    const indexes = masked.get(mask)
    if (indexes === undefined) masked.set(mask, [index])
    else indexes.push(index)
  })
  const raised: Array<Raised> = []
  for (const [key, indexes] of masked) {
    const first = deliveries[indexes[0] ?? -1]
    if (first === undefined || first.mask === null) continue
    const before = count(key)
    const after = before + indexes.length
    const passing = Masking.passing(before, after, first.mask.threshold)
    for (const index of indexes.slice(passing)) outcomes[index] = "masked"
    raised.push({
      function: first.function,
      hash: first.mask.hash,
      count: after,
      ttlSeconds: before === 0 ? first.mask.ttlSeconds : undefined
    })
  }
  return { outcomes, raised }
}
