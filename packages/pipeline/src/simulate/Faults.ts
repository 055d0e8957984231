/**
 * What may go wrong, drawn from the seed before the run: each fault strikes at one call of a server, by its number. So one can be
 * left out, when a history is made shorter, and the others still strike where they did.
 */
import type { Chance } from "./machine/Chance.ts"

/** Where in a call its process is struck: the request unsent, sent, or answered. */
export type Moment = "before" | "during" | "after"

export type Fault = { readonly at: number } & (
  | { readonly kind: "kill"; readonly moment: Moment /** Restarted after so many ms. */; readonly ms: number }
  /** It is stopped, as by SIGSTOP or a long pause for garbage, and goes on after so many ms: a late owner. */
  | { readonly kind: "stop"; readonly moment: Moment; readonly ms: number }
  /** It is asked to end, drains, and is started again. */
  | { readonly kind: "shut down"; readonly ms: number }
  /** The connection breaks before the server has the request. */
  | { readonly kind: "lose request" }
  /** The work is done and the caller is told that it was not. */
  | { readonly kind: "lose answer" }
  /** The caller is told of a time-out, and the work happens so many ms later. */
  | { readonly kind: "late"; readonly ms: number }
  | { readonly kind: "slow"; readonly ms: number }
  /** The server turns the call down: a serialisation failure, a full buffer. */
  | { readonly kind: "refuse" }
  /** The server is away; what it had not committed is gone. */
  | { readonly kind: "away"; readonly ms: number }
  /** The groups of the log share out their partitions anew, without asking. */
  | { readonly kind: "rebalance" }
  /** The clock of the calling process jumps. */
  | { readonly kind: "clock"; readonly ms: number }
)

const moments = ["before", "during", "after"] as const

/** Short mostly, and sometimes longer than any patience. */
const span = (chance: Chance): number => Math.floor(chance.happens(0.5) ? chance.int(3_000) : chance.int(90_000))

const kinds: ReadonlyArray<readonly [weight: number, draw: (at: number, chance: Chance) => Fault]> = [
  [6, (at, chance) => ({ kind: "kill", at, moment: chance.pick(moments), ms: chance.int(5_000) })],
  [5, (at, chance) => ({ kind: "stop", at, moment: chance.pick(moments), ms: span(chance) })],
  [1, (at, chance) => ({ kind: "shut down", at, ms: chance.int(5_000) })],
  [2, (at) => ({ kind: "lose request", at })],
  [4, (at) => ({ kind: "lose answer", at })],
  [2, (at, chance) => ({ kind: "late", at, ms: chance.int(20_000) })],
  [2, (at, chance) => ({ kind: "slow", at, ms: span(chance) })],
  [1, (at) => ({ kind: "refuse", at })],
  [1, (at, chance) => ({ kind: "away", at, ms: chance.int(20_000) })],
  [3, (at) => ({ kind: "rebalance", at })],
  [1, (at, chance) => ({ kind: "clock", at, ms: (chance.happens(0.5) ? 1 : -1) * chance.int(7_200_000) })]
]

const weighted = kinds.flatMap(([weight, draw]) => Array.from({ length: weight }, () => draw))

/** In the order in which they strike. `calls`: about how many calls there will be. */
export const draw = (count: number, calls: number, chance: Chance): ReadonlyArray<Fault> =>
  Array.from({ length: count }, () => chance.pick(weighted)(1 + chance.int(calls), chance)).sort((a, b) => a.at - b.at)

export const describe = (fault: Fault): string => {
  const ms = "ms" in fault ? ` ${fault.ms} ms` : ""
  const moment = "moment" in fault ? ` ${fault.moment}` : ""
  return `${fault.kind}${moment}${ms} at call ${fault.at}`
}
