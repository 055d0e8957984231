/** Check: whether a request's token may send, by its shape and by the projects that there are (spec capture 3.1). */
import * as Token from "@tributary/domain/event/Token"
import * as Effect from "effect/Effect"
import { ProjectStore } from "../service/ProjectStore.ts"
import type { Batch } from "./Normalize.ts"
import { Refusal } from "./Reply.ts"

const explain: Readonly<Record<Token.Fault, string>> = {
  empty: "The token is empty.",
  too_long: `The token is longer than ${Token.maxBytes} bytes.`,
  not_ascii: "The token has characters outside ASCII.",
  personal_api_key: "The token is a personal API key (phx_…); a project's token begins with phc_.",
  null_byte: "The token contains U+0000."
}

/** The one token of a request, of the right shape, or why there is none. */
export const tokenOf = ({ tokens }: Batch): string | Refusal => {
  const [token, other] = tokens
  if (token === undefined) {
    return new Refusal(
      "no_token",
      "No token: neither `api_key` nor `token` in the payload, its events or their properties."
    )
  }
  if (other !== undefined) return new Refusal("multiple_tokens", "The events carry different tokens.")
  const fault = Token.faultOf(token)
  return fault === undefined ? token : new Refusal("invalid_token", explain[fault])
}

/** Whether a project has the token. */
export type Verdict = "known" | "unknown"

export interface KnownTokens {
  /** What is known this instant; undefined = the store must be asked. */
  readonly peek: (token: string) => Verdict | undefined
  /** Asks the store. A look-up that fails or takes over a second counts as known: nobody is refused for our trouble. */
  readonly lookUp: (token: string) => Effect.Effect<Verdict>
}

export const knownTokens: Effect.Effect<KnownTokens, never, ProjectStore> = Effect.map(ProjectStore, (projects) => ({
  peek: (token) => {
    const project = projects.peek(token)
    return project === undefined ? undefined : project === null ? "unknown" : "known"
  },
  lookUp: (token) =>
    projects.byTokens(new Set([token])).pipe(
      Effect.map((found): Verdict => (found.get(token) === undefined ? "unknown" : "known")),
      Effect.timeoutOrElse({ duration: "1 second", orElse: () => Effect.succeed<Verdict>("known") }),
      Effect.orElseSucceed((): Verdict => "known")
    )
}))
