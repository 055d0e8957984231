/**
 * What may go wrong, drawn from the seed before the run: each fault strikes at one call of a server, the nth of all or the nth of a kind.
 * So one can be left out, when a history is made shorter, and the others still strike where they did.
 */
import type { Chance } from "./machine/Chance.ts"

/** Where in a call its process is struck: the request unsent, sent, or answered. */
export type Moment = "before" | "during" | "after"

/** The nth call of a kind, such as `PostgreSQL.commit`; of `any` kind. Counted from 1. */
export interface At {
  readonly call: string
  readonly n: number
}

export type Fault = { readonly at: At } & (
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

type Kind = Fault["kind"]

const kinds: Readonly<Record<Kind, readonly [weight: number, draw: (at: At, chance: Chance) => Fault]>> = {
  kill: [6, (at, chance) => ({ kind: "kill", at, moment: chance.pick(moments), ms: chance.int(5_000) })],
  stop: [5, (at, chance) => ({ kind: "stop", at, moment: chance.pick(moments), ms: span(chance) })],
  "shut down": [1, (at, chance) => ({ kind: "shut down", at, ms: chance.int(5_000) })],
  "lose request": [2, (at) => ({ kind: "lose request", at })],
  "lose answer": [4, (at) => ({ kind: "lose answer", at })],
  late: [2, (at, chance) => ({ kind: "late", at, ms: chance.int(20_000) })],
  slow: [2, (at, chance) => ({ kind: "slow", at, ms: span(chance) })],
  refuse: [1, (at) => ({ kind: "refuse", at })],
  away: [1, (at, chance) => ({ kind: "away", at, ms: chance.int(20_000) })],
  rebalance: [4, (at) => ({ kind: "rebalance", at })],
  clock: [1, (at, chance) => ({ kind: "clock", at, ms: (chance.happens(0.5) ? 1 : -1) * chance.int(7_200_000) })]
}

const weighted = Object.values(kinds).flatMap(([weight, draw]) => Array.from({ length: weight }, () => draw))

/** Calls between which the order of promises shows, and how many of them a run may have. */
const delicate: ReadonlyArray<readonly [call: string, most: number]> = [
  ["PostgreSQL.persons", 16],
  ["PostgreSQL.names", 16],
  ["PostgreSQL.insert persons", 6],
  ["PostgreSQL.raise", 16],
  ["PostgreSQL.commit", 20],
  ["PostgreSQL.published", 12],
  ["PostgreSQL.sweep", 8],
  ["PostgreSQL.begin", 4],
  ["PostgreSQL.delete persons", 3],
  ["log.append", 12],
  ["log.send", 16],
  ["log.commit", 20],
  ["ClickHouse.insert app_metrics2", 4],
  ["ClickHouse.insert person", 8],
  ["ClickHouse.insert events", 8]
]

/** Where the faults of a run strike mostly, and which. */
export interface Aim {
  readonly aims?: ReadonlyArray<string>
  readonly faults?: ReadonlyArray<Fault["kind"]>
}

const place = (calls: number, { aims }: Aim, chance: Chance): At => {
  if (aims !== undefined && chance.happens(0.7)) return { call: chance.pick(aims), n: 1 + chance.int(12) }
  if (chance.happens(0.4)) return { call: "any", n: 1 + chance.int(calls) }
  const [call, most] = chance.pick(delicate)
  return { call, n: 1 + chance.int(most) }
}

/** `calls`: about how many calls there will be. */
export const draw = (count: number, calls: number, aim: Aim, chance: Chance): ReadonlyArray<Fault> =>
  Array.from({ length: count }, () => {
    const isUsual = aim.faults === undefined || chance.happens(0.3)
    const make = isUsual ? chance.pick(weighted) : kinds[chance.pick(aim.faults)][1]
    return make(place(calls, aim, chance), chance)
  })

export const describe = (fault: Fault): string => {
  const ms = "ms" in fault ? ` ${fault.ms} ms` : ""
  const moment = "moment" in fault ? ` ${fault.moment}` : ""
  return `${fault.kind}${moment}${ms} at call ${fault.at.n} of ${fault.at.call}`
}
