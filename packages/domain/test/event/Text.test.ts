import { assert, describe, it } from "@effect/vitest"
import * as Text from "@tributary/domain/event/Text"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

const dirty = Arbitrary.schema(
  Schema.Array(Schema.Literals(["a", "\u0000", "\ud83d", "\ude00", "😀", "\uFFFD", "__proto__"]))
)
const json = Arbitrary.schema(Schema.Json)

/** An object with these names and values, whatever the names are. */
const objectOf = (pairs: ReadonlyArray<readonly [string, unknown]>): object => Object.fromEntries(pairs)

describe("clean", () => {
  it("replaces U+0000 and lone surrogates, and leaves pairs alone (A07, A52)", () => {
    assert.strictEqual(Text.clean("a\u0000b"), "a\uFFFDb")
    assert.strictEqual(Text.clean("a\ud83db"), "a\uFFFDb")
    assert.strictEqual(Text.clean("\ude00\ud83d"), "\uFFFD\uFFFD")
    assert.strictEqual(Text.clean("😀 plain"), "😀 plain")
  })

  it.prop("leaves a text that every store can hold, and changes it no second time", [dirty], ([parts]) => {
    const once = Text.clean(parts.join(""))
    assert.isTrue(Text.isClean(once))
    assert.strictEqual(Text.clean(once), once)
  })
})

describe("mayNeedCleaning", () => {
  it("is false for JSON that can hold nothing to clean", () => {
    for (const text of ['{"a":1}', '{"a":"\\u00e9\\n"}', '{"a":"😀é"}'])
      assert.isFalse(Text.mayNeedCleaning(text), text)
  })

  it.prop("is true for every JSON text whose value is not clean", [dirty, dirty], ([name, value]) => {
    const parsed = objectOf([[name.join(""), value.join("")]])
    const isClean = Text.cleanJson(parsed) === parsed
    const escaped = JSON.stringify(parsed)
    // Lone surrogates also come unescaped, from the JSON text inside another JSON text.
    const raw = escaped.replaceAll("\\ud83d", "\ud83d").replaceAll("\\ude00", "\ude00")
    if (!isClean) assert.isTrue(Text.mayNeedCleaning(escaped) && Text.mayNeedCleaning(raw))
  })
})

describe("cleanJson", () => {
  it("cleans names and values at any depth", () => {
    assert.deepStrictEqual(
      Text.cleanJson({ "a\u0000": ["x\ud83d", { "\ud83d": 1, ok: null }], n: 1 }),
      objectOf([
        ["a\uFFFD", ["x\uFFFD", { "\uFFFD": 1, ok: null }]],
        ["n", 1]
      ])
    )
  })

  it("keeps `__proto__` as the name that it is", () => {
    const parsed: unknown = JSON.parse('{"__proto__":{"a":"\\u0000"},"constructor":"\\u0000"}')
    assert.strictEqual(JSON.stringify(Text.cleanJson(parsed)), '{"__proto__":{"a":"\uFFFD"},"constructor":"\uFFFD"}')
  })

  it("takes JSON that is nested deeper than the stack", () => {
    const depth = 100_000
    const parsed: unknown = JSON.parse('{"a":['.repeat(depth) + '"\\u0000"' + "]}".repeat(depth))
    let value: unknown = Text.cleanJson(parsed)
    for (let i = 0; i < depth; i++) value = (value as { a: [unknown] }).a[0]
    assert.strictEqual(value, "\uFFFD")
  })

  it.prop(
    "returns the very value when nothing was to clean, and is idempotent (P35)",
    [json, dirty],
    ([value, parts]) => {
      const once = Text.cleanJson([value, objectOf(parts.map((part) => [part, part]))])
      assert.strictEqual(Text.cleanJson(once), once)
      assert.notMatch(JSON.stringify(once), /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/i)
    }
  )
})

describe("textOf", () => {
  it("is the text itself, or compact JSON with sorted keys", () => {
    const cases: ReadonlyArray<readonly [unknown, string]> = [
      ["u1", "u1"],
      [23, "23"],
      [23.4, "23.4"],
      [true, "true"],
      [null, "null"],
      [["a", "b"], '["a","b"]'],
      [{ b: 1, a: { d: [], c: "x" } }, '{"a":{"c":"x","d":[]},"b":1}']
    ]
    for (const [value, text] of cases) assert.strictEqual(Text.textOf(value), text)
  })

  it("stops soon after enough text, however deep the value is", () => {
    const deep: unknown = JSON.parse("[".repeat(100_000) + "]".repeat(100_000))
    assert.isTrue(Text.textOf(deep, 400).startsWith("[".repeat(401)))
  })

  it.prop("says the same as JSON", [json], ([value]) => {
    if (typeof value !== "string")
      assert.deepStrictEqual(JSON.parse(Text.textOf(value)), JSON.parse(JSON.stringify(value)))
  })
})
