/**
 * What a program has begun and must not leave, counted by kind: nothing counts any more when its end is complete. What is
 * interrupted stays counted, because it was abandoned.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const plurals = {
  batch: "batches",
  delivery: "deliveries",
  request: "requests",
  send: "sends",
  process: "processes"
} as const

export type Kind = keyof typeof plurals

export interface Count {
  readonly add: (kind: Kind, change: number) => void
}

/** Where it is counted. Nowhere, unless the program that runs wants to know. */
export const InHand = Context.Reference<Count>("@tributary/pipeline/InHand", {
  defaultValue: () => ({ add: () => {} })
})

/** Counts while `self` runs, and for good when it is interrupted. */
export const during =
  (kind: Kind) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(InHand, ({ add }) => {
      add(kind, 1)
      return Effect.onExit(self, (exit) => Effect.sync(() => add(kind, Exit.hasInterrupts(exit) ? 0 : -1)))
    })

/** A count of one's own. `left` tells it: "3 batches, 1 request"; empty when there is nothing. */
export const make = (): Count & { readonly left: () => string } => {
  const counts = new Map<Kind, number>()
  return {
    add: (kind, change) => void counts.set(kind, (counts.get(kind) ?? 0) + change),
    left: () =>
      [...counts]
        .filter(([, count]) => count > 0)
        .map(([kind, count]) => `${count} ${count === 1 ? kind : plurals[kind]}`)
        .join(", ")
  }
}
