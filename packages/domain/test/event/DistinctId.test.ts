import { assert, describe, it } from "@effect/vitest"
import * as DistinctId from "@tributary/domain/event/DistinctId"
import * as Text from "@tributary/domain/event/Text"
import * as Schema from "effect/Schema"

describe("isLegalForMerge", () => {
  it("refuses blank ids, the illegal words in any case, the illegal texts as written, and both in quotes (spec worker 3.2)", () => {
    const illegal = [
      "",
      " ",
      "\t\n",
      "anonymous",
      "GUEST",
      "DistinctId",
      "distinct_id",
      "id",
      "not_authenticated",
      "email",
      "UNDEFINED",
      "True",
      "false",
      "[object Object]",
      "NaN",
      "None",
      "none",
      "null",
      "0",
      "undefined",
      "'Email'",
      '"guest"',
      "'null'",
      '"0"',
      "'[object Object]'"
    ]
    for (const id of illegal) assert.isFalse(DistinctId.isLegalForMerge(id), JSON.stringify(id))
  })

  it("lets their look-alikes pass", () => {
    for (const id of [
      " null ",
      "NULL",
      "Nan",
      "NONE",
      "00",
      "None ",
      "[object object]",
      "'email\"",
      "anonymous2",
      "alice"
    ])
      assert.isTrue(DistinctId.isLegalForMerge(id), JSON.stringify(id))
  })

  it("refuses U+0000 and more than 400 code points, however many units they take", () => {
    assert.isFalse(DistinctId.isLegalForMerge("a\u0000b"))
    assert.isFalse(DistinctId.isLegalForMerge("x".repeat(401)))
    assert.isTrue(DistinctId.isLegalForMerge("x".repeat(400)))
    assert.isTrue(DistinctId.isLegalForMerge("😀".repeat(400)))
    assert.isFalse(DistinctId.isLegalForMerge("😀".repeat(401)))
  })
})

describe("forCapture", () => {
  it("keeps strings with their spaces and writes anything else as JSON (spec capture 9.5, 74 to 84)", () => {
    const cases: ReadonlyArray<readonly [unknown, string | undefined]> = [
      [23, "23"],
      [23.4, "23.4"],
      [true, "true"],
      [0, "0"],
      [["a", "b"], '["a","b"]'],
      [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
      [undefined, undefined],
      [null, undefined],
      ["", undefined],
      [" \t\u00a0", undefined],
      ["x".repeat(250), "x".repeat(200)],
      ["€".repeat(150), "€".repeat(150)],
      ["😀".repeat(201), "😀".repeat(200)],
      ["a\u0000b", "a\uFFFDb"],
      ["\u0000", "\uFFFD"],
      ["a\ud83d", "a\uFFFD"],
      ["  u1 ", "  u1 "]
    ]
    for (const [value, expected] of cases) assert.strictEqual(DistinctId.forCapture(value), expected)
  })

  it("takes values of any size and depth", () => {
    const deep: unknown = JSON.parse("[".repeat(200_000) + "]".repeat(200_000))
    assert.strictEqual(DistinctId.forCapture(deep), "[".repeat(200))
  })

  it.prop("never gives more than 200 scalars, nor anything unclean or blank", [Schema.Json], ([value]) => {
    const id = DistinctId.forCapture(value)
    if (id === undefined) return
    assert.isAtMost([...id].length, 200)
    assert.isTrue(Text.isClean(id) && !DistinctId.isBlank(id))
    assert.strictEqual(DistinctId.forCapture(id), id)
  })
})
