/** Makes a failing run as short as it can: fewer faults, then fewer events, as long as the same kind of violation is left. */
import type { Plan } from "./Plan.ts"
import * as Simulate from "./Simulate.ts"

/** Runs that are spent at most. */
const patience = 400

/** What kind of violation it is: its words, without the numbers and ids. */
export const kindOf = (violation: string): string => violation.replace(/[0-9a-f-]{8,}|\d+|\{.*/g, "#").slice(0, 60)

/** Leaves out what the failure does not need; `fails` says whether a shorter list will do. */
const shorten = <A>(all: ReadonlyArray<A>, fails: (some: ReadonlyArray<A>) => boolean): ReadonlyArray<A> => {
  let left = all
  for (let size = Math.ceil(left.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < left.length; ) {
      const without = [...left.slice(0, from), ...left.slice(from + size)]
      if (fails(without)) left = without
      else from += size
    }
  }
  return left
}

/** Answers with the shortest plan that it found; with the plan itself when nothing can be left out. */
export const shrink = (plan: Plan, options: Simulate.Options = {}): Plan => {
  const kinds = new Set(Simulate.play(plan, options).violations.map(kindOf))
  if (kinds.size === 0) return plan
  let runs = 0
  const fails = (candidate: Plan): boolean => {
    if (runs >= patience) return false
    runs += 1
    return Simulate.play(candidate, options).violations.some((violation) => kinds.has(kindOf(violation)))
  }
  let shortest = plan
  for (let size = Number.POSITIVE_INFINITY; shortest.actions.length + shortest.faults.length < size; ) {
    size = shortest.actions.length + shortest.faults.length
    const { actions } = shortest
    const faults = shorten(shortest.faults, (some) => fails({ ...plan, actions, faults: some }))
    shortest = { ...plan, faults, actions: shorten(actions, (some) => fails({ ...plan, faults, actions: some })) }
  }
  return shortest
}
