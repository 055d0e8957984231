import { assert, describe, it } from "@effect/vitest"
import { decompressBase64 } from "@tributary/pipeline/capture/LzString"
import * as Schema from "effect/Schema"
import LzString from "lz-string"

describe("LzString", () => {
  it.prop(
    "decodes whatever the library encodes",
    { text: Schema.String, times: Schema.Literals([1, 2, 3, 50]) },
    ({ text, times }) => {
      const repeated = text.repeat(times)
      assert.strictEqual(decompressBase64(LzString.compressToBase64(repeated), 1_000_000), repeated)
    },
    { arbitrary: { runs: 300 } }
  )

  it("decodes texts that outgrow its first tables", () => {
    const text = JSON.stringify(Array.from({ length: 3_000 }, (_, i) => ({ event: `e${i * 7919}`, at: i })))
    assert.strictEqual(decompressBase64(LzString.compressToBase64(text), 1_000_000), text)
  })

  it("stops at its limit, however much a few bytes stand for", () => {
    const bomb = LzString.compressToBase64("x".repeat(500_000))
    assert.isBelow(bomb.length, 10_000)
    assert.strictEqual(decompressBase64(bomb, 499_999), "too large")
    assert.strictEqual(decompressBase64(bomb, 500_000)?.length, 500_000)
  })

  it.prop(
    "takes any other text without throwing",
    { text: Schema.String },
    ({ text }) => {
      const result = decompressBase64(text, 1_000)
      assert.isTrue(result === undefined || typeof result === "string")
    },
    { arbitrary: { runs: 300 } }
  )

  it("has nothing to say to a text that breaks off or is none of its own", () => {
    const whole = LzString.compressToBase64("a text that is long enough to be cut")
    for (const text of ["", "====", "%%%%", whole.slice(0, 10), `${whole.slice(0, 10)}%`]) {
      assert.isUndefined(decompressBase64(text, 1_000), text)
    }
  })
})
