import { assert, describe, it } from "@effect/vitest"
import * as Recovery from "../src/Recovery.ts"

describe("Recovery", () => {
  it("is told by kind, with median and worst", () => {
    const one = (kind: string, acknowledgedMs: number) => ({
      kind,
      acknowledgedMs,
      queryableMs: acknowledgedMs + 1_000
    })
    assert.deepStrictEqual(Recovery.summary([one("b", 900), one("a", 100), one("a", 4_000), one("a", 300)]), [
      "a, 3 overcome: acknowledges again after 0.3 s (worst 4.0 s), queryable again after 1.3 s (worst 5.0 s)",
      "b, 1 overcome: acknowledges again after 0.9 s (worst 0.9 s), queryable again after 1.9 s (worst 1.9 s)"
    ])
  })
})
