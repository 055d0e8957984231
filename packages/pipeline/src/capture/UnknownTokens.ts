/** Tells operators of tokens that belong to no project: "200 but no events" is the users' oldest complaint (spec capture 3.1). */
import * as Effect from "effect/Effect"

/** A line a token in ten minutes, so that a busy client does not fill the log. */
const quietMs = 600_000

/** Tokens come from outside: more than these are not remembered, and so many lines in ten minutes are enough. */
const maxTokens = 1_000

export interface UnknownTokens {
  /** Logs one line, unless this token had one lately. `now` in milliseconds since the epoch. */
  readonly tell: (token: string, now: number) => Effect.Effect<void>
}

export const make: Effect.Effect<UnknownTokens> = Effect.sync(() => {
  let toldAt = new Map<string, number>()
  return {
    tell: (token, now) => {
      const last = toldAt.get(token)
      if (last !== undefined && now - last < quietMs) return Effect.void
      if (toldAt.size >= maxTokens) {
        toldAt = new Map([...toldAt].filter(([, at]) => now - at < quietMs))
        if (toldAt.size >= maxTokens) return Effect.void
      }
      toldAt.set(token, now)
      return Effect.logWarning(`Events arrive with the token ${JSON.stringify(token)}, which belongs to no project`)
    }
  }
})
