/**
 * Lines for the log of what events, requests or deliveries may cause in any number: one in a while for each key, and the next
 * one says how many were left out since (`leftOut`).
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

export interface Teller {
  /** Runs `line`, unless this key had one lately. */
  readonly tell: (key: string, line: Effect.Effect<void>) => Effect.Effect<void>
}

/** Who says whether a line is due. Without one all are. */
export const Seldom = Context.Reference<Teller>("@tributary/pipeline/Seldom", {
  defaultValue: () => ({ tell: (_, line) => line })
})

/** Keys come from outside: more than these are not remembered, and so many lines in a while are enough. */
const maxKeys = 1_000

interface Told {
  readonly at: number
  leftOut: number
}

/** A memory of one's own; a key has a line a minute unless told otherwise. */
export const make = (everyMs = 60_000): Teller => {
  let known = new Map<string, Told>()
  return {
    tell: (key, line) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const isRecent = ({ at }: Told) => now - at < everyMs
        const last = known.get(key)
        if (last !== undefined && isRecent(last)) {
          last.leftOut++
          return Effect.void
        }
        if (last === undefined && known.size >= maxKeys) {
          known = new Map([...known].filter(([, told]) => isRecent(told)))
          if (known.size >= maxKeys) return Effect.void
        }
        known.set(key, { at: now, leftOut: 0 })
        const leftOut = last?.leftOut ?? 0
        return leftOut === 0 ? line : Effect.annotateLogs(line, { leftOut })
      })
  }
}

export const tell = (key: string, line: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.flatMap(Seldom, (teller) => teller.tell(key, line))
