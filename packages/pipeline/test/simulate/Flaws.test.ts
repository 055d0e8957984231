/** Bugs that are planted in the simulated world are found, each within a bounded number of seeds. */
import { assert, describe, it } from "@effect/vitest"
import { type Flaw, flaws } from "@tributary/pipeline/simulate/Flaws"
import * as Simulate from "@tributary/pipeline/simulate/Simulate"

/** The rarest takes three parties, and shows in one of 200 seeds. */
const bound = 1_500

const isFlaw = (name: string): name is Flaw => Object.hasOwn(flaws, name)

/** The first seed that finds the bug. */
const find = (flaw: Flaw): number | undefined => {
  for (let seed = 1; seed <= bound; seed++) {
    if (Simulate.run(seed, { flaws: [flaw] }).violations.length > 0) return seed
  }
  return undefined
}

describe("a planted bug", () => {
  for (const [flaw, sentence] of Object.entries(flaws)) {
    if (!isFlaw(flaw)) continue
    it(`is found: ${sentence}`, { timeout: 300_000 }, () => {
      const seed = find(flaw)
      assert.isDefined(seed, `${flaw} was not found within ${bound} seeds`)
      // The plant, and nothing else, is what fails.
      assert.deepStrictEqual(Simulate.run(seed).violations, [])
    })
  }
})
