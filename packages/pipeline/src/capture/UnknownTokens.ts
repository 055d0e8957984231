/** Tells operators of tokens that belong to no project: "200 but no events" is the users' oldest complaint (spec capture 3.1). */
import * as Effect from "effect/Effect"
import * as Seldom from "../service/Seldom.ts"

/** A line a token in ten minutes, so that a busy client does not fill the log. */
const quietMs = 600_000

export interface UnknownTokens {
  /** Logs one line, unless this token had one lately. */
  readonly tell: (token: string) => Effect.Effect<void>
}

export const make = (): UnknownTokens => {
  const lines = Seldom.make(quietMs)
  return {
    tell: (token) =>
      lines.tell(
        token,
        Effect.logWarning(`Events arrive with the token ${JSON.stringify(token)}, which belongs to no project`)
      )
  }
}
