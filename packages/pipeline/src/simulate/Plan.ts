/** Everything that a seed decides before a run: its shape, what is done, and what goes wrong. */

import * as Faults from "./Faults.ts"
import * as Flavour from "./Flavour.ts"
import * as Chance from "./machine/Chance.ts"
import type { Shape } from "./Shape.ts"
import * as Workload from "./Workload.ts"

export interface Plan {
  readonly seed: number
  readonly flavour: string
  readonly shape: Shape
  readonly actions: ReadonlyArray<Workload.Action>
  readonly faults: ReadonlyArray<Faults.Fault>
}

/** About how many calls of servers one action brings; faults strike within so many, give or take. */
const callsPerAction = 16

/** The plan of a seed; in a flavour of one's choice, by its name, or in the one that the seed draws. */
export const draw = (seed: number, named?: string): Plan => {
  const chance = Chance.make(seed, "shape")
  const drawn = Flavour.draw(chance)
  const flavour = Flavour.flavours.find(({ name }) => name === named) ?? drawn
  const shape: Shape = {
    partitions: chance.pick([1, 2, 3, 4]),
    workers: chance.pick([1, 2, 3, 3]),
    sinks: chance.pick([1, 1, 2]),
    maxMessages: 1 + chance.int(5),
    maxRows: 1 + chance.int(6),
    mergeMoveLimit: chance.pick([0, 0, 1, 1, 2]),
    personlessUpgrade: chance.happens(0.25),
    sessionMs: chance.pick([2_000, 8_000, 30_000]),
    lateMs: chance.pick([0, 500, 2_000]),
    ...flavour.shape
  }
  const count = 6 + chance.int(chance.happens(0.4) ? 34 : 14)
  const faults = chance.happens(0.1) ? 0 : (flavour.faults === undefined ? 1 : 6) + chance.int(14)
  return {
    seed,
    flavour: flavour.name,
    shape,
    actions: Workload.draw(count, flavour, Chance.make(seed, "workload")),
    faults: Faults.draw(faults, 80 + count * callsPerAction, flavour, Chance.make(seed, "faults"))
  }
}

/** The same plan with these actions, by their numbers, and these faults, by their places, only; undefined leaves all. */
export const only = (
  plan: Plan,
  events: ReadonlySet<number> | undefined,
  faults: ReadonlySet<number> | undefined
): Plan => ({
  ...plan,
  actions: plan.actions.filter(({ n }) => events === undefined || events.has(n)),
  faults: plan.faults.filter((_, place) => faults === undefined || faults.has(place))
})
