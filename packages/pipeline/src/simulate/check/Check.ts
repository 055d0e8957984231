/** Holds a run to the guarantees of DESIGN and the properties of spec worker 9; each violation is a sentence. */
import type { Position } from "@tributary/domain/event/Position"
import * as Topics from "@tributary/domain/row/Topics"
import * as Workload from "../Workload.ts"
import type { Told } from "../world/Clients.ts"
import { group, groupPrefix, targets } from "../world/Programs.ts"
import type { World } from "../world/World.ts"
import * as Answers from "./Answers.ts"
import * as Merged from "./Merged.ts"
import * as Replay from "./Replay.ts"

export interface Input {
  readonly told: Told
  readonly fateOf: (action: Workload.Action) => Answers.Fate
}

export interface Check {
  /** To be called when a group commits, before it counts. */
  readonly onCommit: (group: string, positions: ReadonlyArray<Position>) => void
  /** Everything is consumed, and nothing waits in the outbox. */
  readonly isDrained: () => boolean
  /** What is not drained. */
  readonly whyNot: () => string
  readonly violations: () => ReadonlyArray<string>
}

export const make = (world: World, { fateOf, told }: Input): Check => {
  const { log, plan, postgres } = world
  /** Events that act on people, unless a stage drops them. */
  const isPersonful = (action: Workload.Action): boolean => Workload.isPersonful(action) && fateOf(action) !== "dropped"
  const byUuid = new Map(plan.actions.map((action) => [action.uuid, action]))
  const answers = Answers.make({ world, told, byUuid, fateOf })
  const readers = [
    [group, Topics.events],
    ...targets.map(({ topic }) => [groupPrefix + topic, topic] as const)
  ] as const

  const behind = (): ReadonlyArray<string> => {
    const late: Array<string> = []
    for (const [reader, topic] of readers) {
      for (let partition = 0; partition < plan.shape.partitions; partition++) {
        const end = log.memory.end(topic, partition)
        const committed = log.memory.committed(reader, topic, partition) ?? 0n
        if (committed < end) late.push(`${reader} is at ${committed} of ${end} in partition ${partition}`)
      }
    }
    const waiting = postgres.tables.outbox.entries().filter(([, { isRefused }]) => !isRefused)
    if (waiting.length > 0) late.push(`${waiting.length} rows wait in the outbox`)
    return late
  }

  return {
    onCommit: (name, positions) => {
      if (name === group) answers.onCommit(positions)
    },
    isDrained: () => behind().length === 0,
    whyNot: () => [...(told.open > 0 ? [`${told.open} requests are not answered`] : []), ...behind()].join("; "),
    violations: () => {
      const deadlocks = postgres.engine.deadlocks
      return [
        ...world.found,
        ...(deadlocks > 0 ? [`PostgreSQL found ${deadlocks} deadlocks`] : []),
        ...answers.violations(),
        ...Replay.violations(world, byUuid, isPersonful),
        ...Merged.violations(world, byUuid)
      ]
    }
  }
}
