/**
 * What a run is mostly about. Half of the runs are a mixture; the others press one thing, so that what takes three parties to go wrong
 * is met within a few hundred seeds.
 */
import type * as Faults from "./Faults.ts"
import type { Chance } from "./machine/Chance.ts"
import type { Shape } from "./Shape.ts"
import type * as Workload from "./Workload.ts"

export interface Flavour extends Workload.Mix, Faults.Aim {
  readonly name: string
  readonly shape?: Partial<Shape>
}

const crowded = { workers: 3, partitions: 3, lateMs: 500, maxMessages: 4 } as const

const mixture: Flavour = { name: "mixture" }

export const flavours: ReadonlyArray<Flavour> = [
  {
    name: "merges and groups",
    kinds: { set: 4, identify: 1, "merge dangerously": 4, group: 10 },
    names: 3,
    tokens: ["phc_1"],
    shape: { ...crowded, mergeMoveLimit: 0 }
  },
  {
    name: "merges",
    kinds: { set: 4, identify: 3, "merge dangerously": 6, alias: 1, delete: 1 },
    names: 5,
    shape: { ...crowded, mergeMoveLimit: 0 }
  },
  {
    name: "comings and goings",
    kinds: { set: 4, identify: 4, delete: 5 },
    names: 3,
    tokens: ["phc_1"],
    shape: { ...crowded, maxMessages: 2 },
    aims: ["PostgreSQL.names", "PostgreSQL.insert persons", "PostgreSQL.insert distinct ids", "PostgreSQL.lock owner"],
    faults: ["slow", "stop", "slow"]
  },
  {
    name: "limits",
    kinds: { set: 2, "merge dangerously": 8 },
    names: 5,
    tokens: ["phc_1"],
    shape: { workers: 3, mergeMoveLimit: 1, sessionMs: 2_000 },
    aims: ["log.send", "log.commit", "PostgreSQL.counts", "PostgreSQL.commit"],
    faults: ["stop", "stop", "kill", "lose answer", "rebalance"]
  },
  {
    name: "counting",
    kinds: { filtered: 8, set: 1 },
    shape: { workers: 2, sinks: 2, maxMessages: 2, maxRows: 2 },
    aims: ["ClickHouse.insert app_metrics2", "PostgreSQL.begin", "log.commit"]
  },
  {
    name: "unknown commits",
    kinds: { set: 6, identify: 2 },
    shape: crowded,
    aims: ["PostgreSQL.commit", "log.send", "PostgreSQL.sweep"],
    faults: ["late", "late", "lose answer", "kill", "kill", "slow"]
  }
]

export const draw = (chance: Chance): Flavour => (chance.happens(0.5) ? mixture : chance.pick(flavours))
