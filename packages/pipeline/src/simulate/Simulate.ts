/**
 * The deterministic simulator: capture, the log, workers, sinks and stores in one process, on a virtual clock and a scheduler that are
 * both drawn from a seed (DESIGN, Guarantees; spec worker 9).
 *
 *   plan      what clients do and what goes wrong, drawn from the seed
 *   play      the run: faults strike until everything has drained, then they stop, and it drains for good
 *   check     the guarantees, over what log, stores and tables hold in the end
 *
 * The code of the pipeline is the real one; the world around it is simulated: network, servers, disks, clocks, processes. The same seed
 * gives the same history, to the byte. Nothing in here waits for anything real, so a run is one synchronous call.
 */
import type { Outcome } from "@tributary/domain/event/Outcome"
import * as FoldSettings from "@tributary/domain/person/Settings"
import * as IngestSettings from "../ingest/Settings.ts"
import type { Fate } from "./check/Answers.ts"
import * as Check from "./check/Check.ts"
import type { Flaw } from "./Flaws.ts"
import * as Plan from "./Plan.ts"
import * as Workload from "./Workload.ts"
import * as Clients from "./world/Clients.ts"
import * as Programs from "./world/Programs.ts"
import type * as Services from "./world/Services.ts"
import * as World from "./world/World.ts"

export type { Fate }

export interface Options {
  /** Stages of your own, around or instead of those given. */
  readonly stages?: (stages: Programs.Stages) => Programs.Stages
  readonly settings?: IngestSettings.Settings
  /** What your stages make of an event; `usual` is what the specification says. */
  readonly fate?: (action: Workload.Action, usual: Fate) => Fate
  /** Bugs to be planted in the simulated world. */
  readonly flaws?: ReadonlyArray<Flaw>
  /** Keeps the history, at some cost in speed. */
  readonly isRecording?: boolean
}

export interface Result {
  readonly plan: Plan.Plan
  /** What is wrong, a sentence each; empty when every guarantee held. */
  readonly violations: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
  /** Calls of servers, and pieces of programs that were run. */
  readonly calls: number
  readonly steps: number
  /** Faults of the plan that struck. */
  readonly struck: number
}

const minutes = 60_000
/** Longer than the slowest call is under way, a session lasts, and a sweep keeps waiting. */
const settlingMs = 100_000
/** A run that takes more steps than this goes in circles; usual is a twentieth. */
const maxSteps = 400_000

/** A step of the pipeline's own that meets a bug with some events. */
const withPoison = (stages: Programs.Stages): Programs.Stages => ({
  ...stages,
  person: (state, event): Outcome<never> | ReturnType<Programs.Stages["person"]> => {
    if (event.event === "poison") throw new Error("a bug in the fold")
    return stages.person(state, event)
  }
})

const usualFate = ({ shape }: Plan.Plan, { kind }: Workload.Action): Fate => {
  switch (kind) {
    case "poison":
    case "garbage":
      return "letter"
    case "nobody":
    case "filtered":
    case "delete":
      return "dropped"
    case "identify":
    case "alias":
    case "merge dangerously":
      return shape.mergeMoveLimit > 0 ? "stored or letter" : "stored"
    default:
      return "stored"
  }
}

export const play = (plan: Plan.Plan, options: Options = {}): Result => {
  const world = World.make(plan, new Set(options.flaws), options.isRecording === true)
  const { actions, shape } = plan
  const { mergeMoveLimit, personlessUpgrade } = shape
  const given = options.settings ?? IngestSettings.defaults
  const settings = { ...given, fold: { ...FoldSettings.defaults, ...given.fold, mergeMoveLimit, personlessUpgrade } }
  const stages = (all: Programs.Stages) => withPoison(options.stages?.(all) ?? all)
  const shared: Services.Shared = { projects: Workload.projects(world.chance), groupTypes: [] }
  const door: Clients.Door = { server: { name: "capture", awayUntil: 0 }, handle: undefined }

  const requests = [...Map.groupBy(actions, (action) => `${action.request} ${Workload.tokenOf(action)}`).values()]
    .map((group) => group.filter((action) => Workload.sent(action) !== undefined))
    .filter((group) => group.length > 0)
  const deletions = actions.filter(({ kind }) => kind === "delete")
  const told: Clients.Told = {
    acknowledged: new Set(),
    refused: new Map(),
    open: requests.length + deletions.length
  }

  world.add("capture", Programs.capture(world, shared, door))
  for (let i = 1; i <= shape.workers; i++) {
    world.add(
      `worker-${i}`,
      Programs.worker(world, shared, settings, stages),
      shape.lateMs + (world.chance.happens(0.7) ? 0 : world.chance.int(5_000))
    )
  }
  for (let i = 1; i <= shape.sinks; i++) world.add(`sink-${i}`, Programs.sink(world, shared))
  for (const client of [0, 1]) {
    const mine = requests.filter((_, i) => i % 2 === client)
    world.add(`client-${client + 1}`, Clients.client(world, door, mine, told))
  }
  world.add("deleter", Clients.deleter(world, deletions, told))
  for (const action of actions) {
    if (action.kind === "garbage") Clients.appendGarbage(world, action, shape.partitions)
  }

  const fateOf = (action: Workload.Action): Fate => {
    const usual = usualFate(plan, action)
    return options.fate?.(action, usual) ?? usual
  }
  const check = Check.make(world, { told, fateOf })
  world.log.onCommit = check.onCommit

  const isDone = () => told.open === 0 && check.isDrained()
  world.machine.runUntil(isDone, Workload.start + 5 * minutes, maxSteps)
  world.calm()
  // Late owners wake up, sessions run out, a sweep or two: whatever is still under way comes to its end.
  const quiet = world.machine.now + settlingMs
  const isQuiet = () => world.machine.now >= quiet && isDone()
  const hasEnded = world.machine.runUntil(isQuiet, quiet + 60 * minutes, maxSteps)
  return {
    plan,
    violations: hasEnded ? check.violations() : [...world.found, `it does not come to rest: ${check.whyNot()}`],
    history: world.history,
    calls: world.network.calls,
    steps: world.machine.steps,
    struck: world.network.struck
  }
}

/** The run of a seed. */
export const run = (seed: number, options: Options = {}): Result => play(Plan.draw(seed), options)
