/** The paths that capture serves (spec capture 1.1). Each may have one trailing slash; case counts. */
import * as Reply from "@tributary/pipeline/capture/Reply"
import type { Answer } from "./Answer.ts"
import { politeRoute } from "./PoliteAnswers.ts"

export type Methods = "GET" | "POST" | "GET, POST"

export type StatusPath = "/_liveness" | "/_readiness" | "/metrics"

export type Route =
  | { readonly _tag: "Events"; readonly pattern: string; readonly methods: Methods }
  /** Needs nothing but a look at the program's state; outside all limits. */
  | { readonly _tag: "Status"; readonly pattern: StatusPath; readonly methods: "GET" }
  /** Whatever is sent is read and thrown away. */
  | { readonly _tag: "Fixed"; readonly pattern: string; readonly methods: Methods; readonly answer: () => Answer }

const events = (pattern: string, methods: Methods = "GET, POST"): Route => ({ _tag: "Events", pattern, methods })

const routes: ReadonlyMap<string, Route> = new Map(
  [
    events("/e"),
    events("/capture"),
    events("/i/v0/e"),
    events("/track"),
    events("/engage"),
    events("/batch"),
    events("/i/v0/ai/batch", "POST"),
    { _tag: "Status", pattern: "/_liveness", methods: "GET" } as const,
    { _tag: "Status", pattern: "/_readiness", methods: "GET" } as const,
    { _tag: "Status", pattern: "/metrics", methods: "GET" } as const,
    { _tag: "Fixed", pattern: "/test/black_hole", methods: "GET, POST", answer: () => Reply.ok } as const
  ].map((route): [string, Route] => [route.pattern, route])
)

/** The path of a request target without its query and one trailing slash. */
export const pathOf = (target: string): string => {
  const question = target.indexOf("?")
  const end = question < 0 ? target.length : question
  return target.slice(0, end > 1 && target.charCodeAt(end - 1) === 0x2f ? end - 1 : end)
}

/** The query of a request target, without its question mark. */
export const queryOf = (target: string): string => {
  const question = target.indexOf("?")
  return question < 0 ? "" : target.slice(question + 1)
}

/** The route of a path that `pathOf` gave; undefined where there is none. */
export const routeOf = (path: string): Route | undefined => {
  const route = routes.get(path)
  if (route !== undefined) return route
  const polite = politeRoute(path)
  return polite === undefined ? undefined : { _tag: "Fixed", ...polite }
}

/** HEAD is answered wherever GET is. */
export const allows = ({ methods }: Route, method: string): boolean =>
  method === "POST" ? methods !== "GET" : (method === "GET" || method === "HEAD") && methods !== "POST"

/** The value of `Allow` for a method that is not served. */
export const allowOf = ({ methods }: Route): string =>
  `${methods === "POST" ? methods : methods.replace("GET", "GET, HEAD")}, OPTIONS`
