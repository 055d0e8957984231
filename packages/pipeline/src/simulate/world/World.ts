/**
 * The world of one run: machine, network, servers, and the processes that live and die in it. What runs inside a process is in
 * Programs.ts.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { Postgres } from "../database/Postgres.ts"
import type { Flaws } from "../Flaws.ts"
import * as Chance from "../machine/Chance.ts"
import { Machine, type Process } from "../machine/Machine.ts"
import * as Runtime from "../machine/Runtime.ts"
import type { Plan } from "../Plan.ts"
import type { Commit } from "../store/SimPersonStore.ts"
import { start } from "../Workload.ts"
import { Network, type Server } from "./Network.ts"
import { SimClickHouse } from "./SimClickHouse.ts"
import { SimLog } from "./SimLog.ts"

/** A program that runs in one process after the other: when one dies, the next is started. */
export interface Slot {
  readonly name: string
  readonly program: (process: Process) => Effect.Effect<void>
  /** How many processes it has had. */
  lives: number
  process: Process | undefined
  fiber: Fiber.Fiber<void> | undefined
}

export interface World {
  readonly plan: Plan
  readonly flaws: Flaws
  readonly machine: Machine
  readonly chance: Chance.Chance
  readonly network: Network
  readonly postgres: Postgres
  readonly log: SimLog
  readonly clickhouse: SimClickHouse
  /** Committed transactions, in their order. */
  readonly ledger: Array<Commit>
  /** What happened, a line each. */
  readonly history: Array<string>
  /** What was found to be wrong while it ran. */
  readonly found: Array<string>
  readonly slots: Array<Slot>
  /** Starts the first process of a slot, `ms` from now. */
  readonly add: (name: string, program: Slot["program"], ms?: number) => void
  readonly contextOf: (process: Process) => Context.Context<never>
  /** From now on nothing goes wrong: whoever is stopped goes on, every server answers. */
  readonly calm: () => void
}

export const make = (plan: Plan, flaws: Flaws, isRecording: boolean): World => {
  const chance = Chance.make(plan.seed, "schedule")
  const machine = new Machine(start, chance)
  const history: Array<string> = []
  const found: Array<string> = []
  const slots: Array<Slot> = []
  const note = (name: string, text: string): void => {
    if (isRecording) history.push(`${String(machine.now - start).padStart(7)} ${name.padEnd(10)} ${text}`)
  }
  const tell = (process: Process) => (level: string, text: string) => {
    note(process.name, `${level}: ${text}`)
    if (text.startsWith("a bug stopped")) found.push(`${process.name}: ${text}`)
  }
  const contextOf = (process: Process) => Runtime.contextOf(machine, chance, { process, tell: tell(process) })
  const worldContext = Runtime.contextOf(machine, chance)
  const run = <A, E>(effect: Effect.Effect<A, E>, answer: (exit: Exit.Exit<A, E>) => void): (() => void) => {
    const fiber = Effect.runForkWith(worldContext)(effect)
    fiber.addObserver(answer)
    return () => fiber.interruptUnsafe()
  }

  const launch = (slot: Slot): void => {
    slot.lives += 1
    const process: Process = { name: `${slot.name}.${slot.lives}`, isDead: false, stopped: undefined, clockOffset: 0 }
    slot.process = process
    note(process.name, "starts")
    machine.soon(() => {
      const fiber = Effect.runForkWith(contextOf(process))(slot.program(process))
      slot.fiber = fiber
      fiber.addObserver((exit) => {
        if (exit._tag === "Failure" && slot.process === process && !process.isDead && !isShuttingDown.has(process)) {
          found.push(`${process.name} ended: ${String(exit.cause)}`)
        }
      })
    }, process)
  }
  const isShuttingDown = new Set<Process>()
  const slotOf = (process: Process): Slot | undefined => slots.find((slot) => slot.process === process)
  const restart = (slot: Slot, ms: number): void => {
    machine.after(ms, () => launch(slot))
  }
  const kill = (process: Process, ms: number): void => {
    const slot = slotOf(process)
    if (slot === undefined || process.isDead) return
    process.isDead = true
    postgres.notice(process, chance.happens(0.7) ? network.latency() : 30_000)
    log.died(process)
    restart(slot, ms)
  }

  const network: Network = new Network({
    machine,
    chance,
    faults: plan.faults,
    note: (process, text) => note(process.name, text),
    control: {
      kill,
      stop: (process, ms) => {
        if (process.isDead || process.stopped !== undefined) return
        machine.stop(process)
        // A connection that is idle in a transaction is ended by the server.
        if (ms >= 30_000) postgres.notice(process, 30_000)
        log.stopped(process, ms)
        machine.after(ms, () => machine.goOn(process))
      },
      shutDown: (process, ms) => {
        const slot = slotOf(process)
        if (slot?.fiber === undefined || process.isDead || isShuttingDown.has(process)) return
        isShuttingDown.add(process)
        const { fiber } = slot
        machine.soon(() => fiber.interruptUnsafe(), process)
        // Its farewell to the servers may have been lost, so that they find out like those of a process that died.
        fiber.addObserver(() => kill(process, ms))
      },
      away: (server: Server) => {
        if (server === postgres.server) postgres.goAway()
      },
      rebalance: () => log.rebalance()
    }
  })
  const postgres = new Postgres(machine, network)
  const log = new SimLog({
    machine,
    network,
    chance,
    flaws,
    partitions: plan.shape.partitions,
    sessionMs: plan.shape.sessionMs,
    run
  })
  const clickhouse = new SimClickHouse(network, run)

  return {
    ...{ plan, flaws, machine, chance, network, postgres, log, clickhouse, history, found, slots, contextOf },
    ledger: [],
    add: (name, program, ms = 0) => {
      const slot: Slot = { name, program, lives: 0, process: undefined, fiber: undefined }
      slots.push(slot)
      restart(slot, ms)
    },
    calm: () => {
      network.isCalm = true
      for (const server of [postgres.server, log.server, clickhouse.server]) server.awayUntil = 0
      for (const { process } of slots) if (process?.stopped !== undefined) machine.goOn(process)
      note("world", "all faults stop")
    }
  }
}
