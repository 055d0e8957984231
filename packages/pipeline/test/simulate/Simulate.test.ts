/** The simulator: one seed, one history, and no violation without a planted bug. */
import { assert, describe, it } from "@effect/vitest"
import * as Simulate from "@tributary/pipeline/simulate/Simulate"

describe("a simulated run", () => {
  it("is the same to the byte for the same seed, and another one for another seed", () => {
    const histories = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const once = Simulate.run(seed, { isRecording: true })
      const again = Simulate.run(seed, { isRecording: true })
      assert.strictEqual(once.history.join("\n"), again.history.join("\n"))
      histories.add(once.history.join("\n"))
    }
    assert.strictEqual(histories.size, 20)
  })

  it("takes the same course whether its history is kept or not", () => {
    for (let seed = 21; seed <= 40; seed++) {
      const { calls, steps } = Simulate.run(seed)
      const kept = Simulate.run(seed, { isRecording: true })
      assert.deepStrictEqual([calls, steps], [kept.calls, kept.steps])
    }
  })

  it("keeps every guarantee, whatever goes wrong", { timeout: 300_000 }, () => {
    let struck = 0
    for (let seed = 1; seed <= 200; seed++) {
      const result = Simulate.run(seed)
      struck += result.struck
      assert.deepStrictEqual([seed, ...result.violations], [seed])
    }
    assert.isAbove(struck, 400)
  })
})
