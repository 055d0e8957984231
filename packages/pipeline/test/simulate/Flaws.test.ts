/** Bugs that are planted in the simulated world are found, each within a bounded number of seeds. */
import { assert, describe, it } from "@effect/vitest"
import { type Flaw, flaws } from "@tributary/pipeline/simulate/Flaws"
import * as Plan from "@tributary/pipeline/simulate/Plan"
import * as Simulate from "@tributary/pipeline/simulate/Simulate"

/** Seeds within which a bug is found; the rarest, which takes three parties, shows in one of fifty where that is pressed. */
const bound = 500

/** Where bugs that few runs of the mixture meet are met. */
const flavourOf: Partial<Readonly<Record<Flaw, string>>> = {
  "groups before people": "merges and groups",
  "floors read once": "comings and goings",
  "sweep remembers": "unknown commits",
  "sweep commits early": "unknown commits",
  "refusals forgotten": "limits",
  "refusals forgotten when committed": "limits",
  "sink without bounds": "counting"
}

const isFlaw = (name: string): name is Flaw => Object.hasOwn(flaws, name)

/** The first plan that finds the bug. */
const find = (flaw: Flaw): Plan.Plan | undefined => {
  for (let seed = 1; seed <= bound; seed++) {
    const plan = Plan.draw(seed, flavourOf[flaw])
    if (Simulate.play(plan, { flaws: [flaw] }).violations.length > 0) return plan
  }
  return undefined
}

describe("a planted bug", () => {
  for (const [flaw, sentence] of Object.entries(flaws)) {
    if (!isFlaw(flaw)) continue
    it(`is found: ${sentence}`, { timeout: 300_000 }, () => {
      const plan = find(flaw)
      assert.isDefined(plan, `${flaw} was not found within ${bound} seeds`)
      // The plant, and nothing else, is what fails.
      assert.deepStrictEqual(Simulate.play(plan).violations, [])
    })
  }
})
