import { assert, it } from "@effect/vitest"
import * as Debounce from "../../src/ingest/Debounce.ts"

const hour = 3_600_000

it("a key passes once an hour", () => {
  const passes = Debounce.make()
  assert.deepStrictEqual(
    [0, 1, hour - 1, hour, hour + 1, 3 * hour].map((now) => passes("a", now)),
    [true, false, false, true, false, true]
  )
})

it("keys do not know of each other, and neither do two workers", () => {
  const passes = Debounce.make()
  assert.deepStrictEqual([passes("a", 0), passes("b", 0), passes("a", 1)], [true, true, false])
  assert.isTrue(Debounce.make()("a", 1))
})

it("no more than 100,000 keys are remembered: the expired go first", () => {
  const passes = Debounce.make()
  for (let n = 0; n < 99_999; n++) passes(`old ${n}`, 0)
  passes("young", hour)
  assert.isTrue(passes("one more", hour))
  assert.isFalse(passes("young", hour + 1))
  assert.isTrue(passes("old 5", hour + 1))
})
