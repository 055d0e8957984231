import { assert, describe, it } from "@effect/vitest"
import { decode } from "@tributary/pipeline/capture/Utf8"
import * as Schema from "effect/Schema"

/** Each UTF-16 unit coded for itself, as old browsers do. */
const cesu8 = (text: string): Buffer =>
  Buffer.concat(
    text.split("").map((unit) => {
      const code = unit.charCodeAt(0)
      return code < 0xd800 || code > 0xdfff
        ? Buffer.from(unit)
        : Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
    })
  )

describe("Utf8", () => {
  it.prop("UTF-8 is read as it is", { text: Schema.String }, ({ text }) => {
    assert.strictEqual(decode(Buffer.from(text, "utf8")), text.toWellFormed())
  })

  it.prop(
    "pairs that were coded half by half are joined, lone halves become U+FFFD",
    { text: Schema.String, emoji: Schema.Literals(["", "🍕", "😀😀", "\ud83d", "\ude00\ud83d"]) },
    ({ emoji, text }) => {
      assert.strictEqual(decode(cesu8(text + emoji + text)), (text + emoji + text).toWellFormed())
    }
  )

  it("a replacement character that was sent is no error", () => {
    assert.strictEqual(decode(Buffer.from("a\uFFFDb")), "a\uFFFDb")
  })

  it("other bytes are no text", () => {
    for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0], [0xf5, 0x80, 0x80, 0x80], [0x80]]) {
      assert.isUndefined(decode(Buffer.from(bytes)))
    }
  })
})
