/** Everything that a seed decides before a run: its shape, what is done, and what goes wrong. */
import * as Faults from "./Faults.ts"
import * as Chance from "./machine/Chance.ts"
import * as Workload from "./Workload.ts"

export interface Shape {
  readonly partitions: number
  readonly workers: number
  readonly sinks: number
  /** Messages of one batch at most. */
  readonly maxMessages: number
  /** Rows of one insert at most. */
  readonly maxRows: number
  /** `PERSON_MERGE_MOVE_DISTINCT_ID_LIMIT` */
  readonly mergeMoveLimit: number
  /** `PERSONLESS_UPGRADE` */
  readonly personlessUpgrade: boolean
}

export interface Plan {
  readonly seed: number
  readonly shape: Shape
  readonly actions: ReadonlyArray<Workload.Action>
  readonly faults: ReadonlyArray<Faults.Fault>
}

/** About how many calls of servers one action brings; faults strike within so many, give or take. */
const callsPerAction = 16

export const draw = (seed: number): Plan => {
  const chance = Chance.make(seed, "shape")
  const shape: Shape = {
    partitions: 1 + chance.int(3),
    workers: 1 + chance.int(3),
    sinks: 1 + chance.int(2),
    maxMessages: 1 + chance.int(5),
    maxRows: 1 + chance.int(6),
    mergeMoveLimit: chance.pick([0, 0, 1, 2]),
    personlessUpgrade: chance.happens(0.25)
  }
  const count = 4 + chance.int(chance.happens(0.3) ? 28 : 12)
  const faults = chance.happens(0.1) ? 0 : 1 + chance.int(10)
  return {
    seed,
    shape,
    actions: Workload.draw(count, Chance.make(seed, "workload")),
    faults: Faults.draw(faults, 80 + count * callsPerAction, Chance.make(seed, "faults"))
  }
}
