/**
 * One machine on virtual time: tasks that are ready, of which the seed picks the next, and timers for those that are not.
 *
 * Everything that is simulated runs in here and nowhere else, synchronously: a task is a piece of a program up to its next wait.
 * Tasks belong to processes or, without one, to the world (servers, the network). Those of a process that was killed are
 * never run; those of one that is stopped wait until it goes on.
 */
import type { Chance } from "./Chance.ts"

export interface Process {
  readonly name: string
  isDead: boolean
  /** Tasks that have piled up while it is stopped; undefined while it runs. */
  stopped: Array<() => void> | undefined
  /** Milliseconds by which its clock is off. */
  clockOffset: number
}

interface Task {
  readonly process: Process | undefined
  readonly run: () => void
}

export interface Timer extends Task {
  readonly at: number
  isCancelled: boolean
}

export class Machine {
  /** Milliseconds since the epoch. */
  now: number
  /** Tasks that were run so far. */
  steps = 0
  readonly #chance: Chance
  readonly #ready: Array<Task> = []
  /** Latest first. Of those at one time, the one that was set first comes last. */
  readonly #timers: Array<Timer> = []

  constructor(start: number, chance: Chance) {
    this.now = start
    this.#chance = chance
  }

  soon(run: () => void, process?: Process): void {
    this.#ready.push({ process, run })
  }

  after(ms: number, run: () => void, process?: Process): Timer {
    const timer: Timer = { at: this.now + Math.ceil(ms), run, process, isCancelled: false }
    if (ms <= 0) {
      this.#ready.push(timer)
      return timer
    }
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#timers[middle]!.at > timer.at) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
    return timer
  }

  cancel(timer: Timer): void {
    timer.isCancelled = true
    const at = this.#timers.indexOf(timer)
    if (at >= 0) this.#timers.splice(at, 1)
  }

  stop(process: Process): void {
    process.stopped ??= []
  }

  goOn(process: Process): void {
    const held = process.stopped ?? []
    process.stopped = undefined
    for (const run of held) this.soon(run, process)
  }

  /**
   * Runs until `isDone`, which is asked each time when nothing is ready. False when it is still not done at `deadline` (milliseconds
   * since the epoch), after `maxSteps`, or when nothing is left that could happen.
   */
  runUntil(isDone: () => boolean, deadline: number, maxSteps: number): boolean {
    while (this.steps < maxSteps) {
      const task = this.#take()
      if (task === undefined) {
        if (isDone()) return true
        const next = this.#timers.at(-1)
        if (next === undefined || next.at > deadline) return false
        this.now = Math.max(this.now, next.at)
        while (this.#timers.length > 0 && this.#timers.at(-1)!.at <= this.now) this.#ready.push(this.#timers.pop()!)
        continue
      }
      const { process, run } = task
      if (process?.isDead === true || ("isCancelled" in task && task.isCancelled === true)) continue
      if (process?.stopped !== undefined) process.stopped.push(run)
      else {
        this.steps += 1
        run()
      }
    }
    return false
  }

  #take(): Task | undefined {
    const ready = this.#ready
    if (ready.length <= 1) return ready.pop()
    const at = this.#chance.int(ready.length)
    const task = ready[at]!
    ready[at] = ready[ready.length - 1]!
    ready.pop()
    return task
  }
}
