/** Tells people of a failing seed: what is wrong, the shortest history that shows it, and the one command that replays it. */
import * as Faults from "./Faults.ts"
import type { Plan } from "./Plan.ts"
import * as Shrink from "./Shrink.ts"
import * as Simulate from "./Simulate.ts"
import * as Workload from "./Workload.ts"

/** Arguments of `npm run simulate` that replay a part of a seed's plan. */
export const argumentsOf = (whole: Plan, part: Plan): string => {
  const events = part.actions.map(({ n }) => n).join(",")
  const faults = part.faults.map((fault) => whole.faults.indexOf(fault)).join(",")
  return `--from ${whole.seed} --seeds 1 --events ${events === "" ? "none" : events} --faults ${faults === "" ? "none" : faults}`
}

/** The lines of a history without what merely waits. */
const telling = (line: string): boolean =>
  !/ log\.(poll|join|end) | PostgreSQL\.(projects|read progress) /.test(`${line} `)

export const of = (failing: Simulate.Result, options: Simulate.Options = {}, flavour?: string): string => {
  const { plan } = failing
  const part = Shrink.shrink(plan, options)
  const { history, violations } = Simulate.play(part, { ...options, isRecording: true })
  const planted = (options.flaws ?? []).map((flaw) => ` --flaw "${flaw}"`).join("")
  const pressed = flavour === undefined ? "" : ` --flavour "${flavour}"`
  return [
    `seed ${plan.seed}: ${failing.violations.length} violations`,
    ...violations.map((violation) => `  ${violation}`),
    `${plan.flavour}, ${JSON.stringify(plan.shape)}`,
    ...part.actions.map((action) => `  ${Workload.describe(action)}`),
    ...part.faults.map((fault) => `  ${Faults.describe(fault)}`),
    "milliseconds, process, what it calls, and ! what goes wrong:",
    ...history.filter(telling),
    `replay: npm run simulate -- ${argumentsOf(plan, part)}${pressed}${planted}`
  ].join("\n")
}
