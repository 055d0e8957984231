/** Which faults come, and when: drawn from a seed. */
import * as Chance from "@tributary/pipeline/simulate/machine/Chance"

export interface Fault<Kind extends string = string> {
  readonly kind: Kind
  /** Milliseconds of peace before it. */
  readonly afterMs: number
  /** The next fault does not wait until this one is overcome. */
  readonly isOvertaken: boolean
}

export interface Wanted<Kind extends string> {
  readonly seed: number
  readonly count: number
  /** To be drawn from; at least one. */
  readonly kinds: ReadonlyArray<Kind>
}

/** A start takes about two seconds: a fault that comes so soon after another meets it. */
const peaceMs = 2_500

export const draw = <Kind extends string>({ count, kinds, seed }: Wanted<Kind>): ReadonlyArray<Fault<Kind>> => {
  const chance = Chance.make(seed, "plan")
  return Array.from({ length: count }, (_, index) => ({
    kind: chance.pick(kinds),
    afterMs: 100 + chance.int(peaceMs),
    isOvertaken: chance.happens(0.3) && index < count - 1
  }))
}
