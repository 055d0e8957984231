import { assert, describe, it } from "@effect/vitest"
import * as Plan from "../src/Plan.ts"

const draw = (seed: number) => Plan.draw({ seed, count: 40, kinds: ["process", "postgres"] })

describe("Plan", () => {
  it("is the same for the same seed", () => {
    assert.deepStrictEqual(draw(1), draw(1))
    assert.notDeepEqual(draw(1), draw(2))
  })

  it("mixes the kinds, and lets some faults meet those before", () => {
    const plan = draw(3)
    assert.deepStrictEqual(new Set(plan.map(({ kind }) => kind)), new Set(["process", "postgres"]))
    assert.isTrue(plan.some(({ isOvertaken }) => isOvertaken))
    assert.isTrue(plan.some(({ isOvertaken }) => !isOvertaken))
  })

  it("waits until the last fault is overcome", () => {
    for (let seed = 0; seed < 50; seed++) assert.isFalse(draw(seed).at(-1)?.isOvertaken)
  })
})
