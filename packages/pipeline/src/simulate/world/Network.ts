/**
 * Calls between processes and servers. Each takes its time on the way there and back, and each is where the faults of the plan
 * strike: there is no other way to wait for the world, so a process may die at every one of its awaits.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, type Fault } from "../Faults.ts"
import type { Chance } from "../machine/Chance.ts"
import type { Machine, Process } from "../machine/Machine.ts"

export interface Server {
  readonly name: "PostgreSQL" | "log" | "ClickHouse" | "capture"
  /** Milliseconds since the epoch; it answers nobody before. */
  awayUntil: number
}

/** What faults do to processes and servers. */
export interface Control {
  readonly kill: (process: Process, restartMs: number) => void
  readonly stop: (process: Process, ms: number) => void
  readonly shutDown: (process: Process, restartMs: number) => void
  readonly away: (server: Server) => void
  readonly rebalance: () => void
}

export interface Call<A, E> {
  readonly from: Process
  readonly to: Server
  /** What it asks for, without particulars: faults are aimed at calls of a name. */
  readonly name: string
  /** The particulars, for the history. */
  readonly detail?: string
  /** What the caller is told when no answer comes. */
  readonly lost: () => E
  /** What a server says that turns the call down; undefined = this one never does. */
  readonly refused?: () => E
  /** Does the work; may be told to leave off when the caller does not wait any longer. */
  readonly serve: (answer: (exit: Exit.Exit<A, E>) => void) => (() => void) | undefined
  /** What the server does when the connection to the caller breaks. */
  readonly broken?: () => void
  /** An answer that is lost is asked for again by the client's own protocol, below what is simulated. */
  readonly isRepeated?: boolean
}

/** The calls of one kind: how many there were, and which faults strike at which. */
interface Kind {
  count: number
  readonly faults: Map<number, Fault>
}

export class Network {
  calls = 0
  /** Faults that struck. */
  struck = 0
  isCalm = false
  readonly #machine: Machine
  readonly #chance: Chance
  /** By the name of the call. */
  readonly #kinds = new Map<string, Kind>()
  readonly #control: Control
  readonly #note: (process: Process, text: string) => void

  constructor(options: {
    readonly machine: Machine
    readonly chance: Chance
    readonly faults: ReadonlyArray<Fault>
    readonly control: Control
    readonly note: (process: Process, text: string) => void
  }) {
    this.#machine = options.machine
    this.#chance = options.chance
    for (const fault of options.faults) this.#kind(fault.at.call).faults.set(fault.at.n, fault)
    this.#control = options.control
    this.#note = options.note
  }

  /** Most take no time, so that their order is chance alone; some take long. */
  latency(): number {
    const chance = this.#chance.next()
    if (chance < 0.7) return 0
    if (chance < 0.96) return 1 + this.#chance.int(10)
    return this.#chance.int(chance < 0.997 ? 200 : 5_000)
  }

  call<A, E>(request: Call<A, E>): Effect.Effect<A, E> {
    return Effect.callback<A, E>((resume) => {
      const { from } = request
      if (from.isDead) return
      this.calls += 1
      const fault = this.#faultOf(`${request.to.name}.${request.name}`)
      this.#note(from, `${request.to.name}.${request.name} ${request.detail ?? ""}`)
      if (fault !== undefined) {
        this.struck += 1
        this.#note(from, `! ${describe(fault)}`)
      }
      const flight = this.#send(request, fault, (exit, ms) => {
        this.#machine.after(ms, () => resume(exit), from)
      })
      return Effect.sync(flight)
    })
  }

  #kind(call: string): Kind {
    const known = this.#kinds.get(call)
    if (known !== undefined) return known
    const kind: Kind = { count: 0, faults: new Map() }
    this.#kinds.set(call, kind)
    return kind
  }

  #faultOf(call: string): Fault | undefined {
    const kind = this.#kind(call)
    kind.count += 1
    if (this.isCalm) return undefined
    return kind.faults.get(kind.count) ?? this.#kind("any").faults.get(this.calls)
  }

  /** Answers with what leaves off the work. */
  #send<A, E>(
    request: Call<A, E>,
    fault: Fault | undefined,
    deliver: (exit: Exit.Exit<A, E>, ms: number) => void
  ): () => void {
    const { from, to } = request
    const machine = this.#machine
    let leaveOff: (() => void) | undefined
    let isLeft = false
    const lose = (ms = this.latency()): void => deliver(Exit.fail(request.lost()), ms)
    const answered = (exit: Exit.Exit<A, E>): void => {
      if (fault?.kind === "lose answer" && request.isRepeated !== true) {
        request.broken?.()
        lose()
      } else if (fault?.kind === "late" && request.isRepeated !== true) {
        request.broken?.()
      } else {
        this.#strike(fault, "after", from)
        deliver(exit, this.latency())
      }
    }
    const arrive = (): void => {
      if (isLeft) return
      if (machine.now < to.awayUntil) lose()
      else if (fault?.kind === "refuse" && request.refused !== undefined) {
        deliver(Exit.fail(request.refused()), this.latency())
      } else leaveOff = request.serve(answered)
    }
    const leave = (): void => {
      isLeft = request.isRepeated === true
      if (isLeft) leaveOff?.()
    }
    const travel = (ms: number): void => void machine.after(ms, arrive)

    switch (fault?.kind) {
      case "kill":
        if (fault.moment === "before") this.#strike(fault, "before", from)
        else {
          travel(this.latency())
          this.#strike(fault, "during", from)
        }
        return leave
      case "stop":
        if (fault.moment === "before") {
          this.#strike(fault, "before", from)
          machine.soon(() => travel(this.latency()), from)
        } else {
          travel(this.latency())
          this.#strike(fault, "during", from)
        }
        return leave
      case "lose request":
        request.broken?.()
        lose()
        return leave
      case "late":
        if (request.isRepeated !== true) {
          lose()
          machine.after(fault.ms, arrive)
          return leave
        }
        travel(fault.ms)
        return leave
      case "slow":
        travel(fault.ms)
        return leave
      case "away":
        to.awayUntil = machine.now + fault.ms
        this.#control.away(to)
        lose()
        return leave
      case "shut down":
        this.#control.shutDown(from, fault.ms)
        break
      case "rebalance":
        this.#control.rebalance()
        break
      case "clock":
        from.clockOffset += fault.ms
    }
    travel(this.latency())
    return leave
  }

  #strike(fault: Fault | undefined, moment: "before" | "during" | "after", process: Process): void {
    if (fault?.kind === "kill" && fault.moment === moment) this.#control.kill(process, fault.ms)
    if (fault?.kind === "stop" && fault.moment === moment) this.#control.stop(process, fault.ms)
  }
}
