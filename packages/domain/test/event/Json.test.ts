import { assert, describe, it } from "@effect/vitest"
import * as Json from "@tributary/domain/event/Json"
import { Schema } from "effect"

type Value = string | number | boolean | null | ReadonlyArray<Value> | Members
interface Members {
  readonly members: ReadonlyArray<readonly [string, Value]>
}

/** Few characters, so that keys are beginnings of each other's escapes. */
const character = Schema.Literals(["\\", "\n", '"', "n", "a", "\u0000", "é", "😀", "1", " ", ":"])
const text = Schema.Array(character)
const name = Schema.Array(Schema.Literals(["\\", "\n", '"', "a", "__proto__"])).check(Schema.isMaxLength(2))

const Nested = Schema.Struct({ keys: Schema.Array(name), values: Schema.Array(text), depth: Schema.Int })

/** Written by hand, so that the expectation owes nothing to an engine's way of reading. */
const write = (value: Value): string => {
  if (Array.isArray(value)) return `[${value.map(write).join(" , ")}]`
  if (typeof value === "object" && value !== null && "members" in value) {
    return `{${value.members.map(([key, inner]) => `${JSON.stringify(key)} :${write(inner)}`).join(",")} }`
  }
  return JSON.stringify(value)
}

/** Own entries in the order of reading, so that two of them can be compared. */
const entriesOf = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(entriesOf)
  if (typeof value !== "object" || value === null) return value
  return Object.entries(value).map(([key, inner]) => [key, entriesOf(inner)])
}

const expected = (value: Value): unknown => {
  if (Array.isArray(value)) return value.map(expected)
  if (typeof value === "object" && value !== null && "members" in value) {
    return Object.entries(Object.fromEntries(value.members)).map(([key, inner]) => [key, expected(inner)])
  }
  return value
}

/** Objects begin with a key of their run, so that the engine knows no others like them. */
const build = (run: number, { depth, keys, values }: typeof Nested.Type): Value => {
  const leaf = (index: number): Value => values[index]?.join("") ?? index
  const members = keys.map((key, index): readonly [string, Value] => [key.join(""), leaf(index)])
  let value: Value = { members: [[`run ${run}`, 0], ...members] }
  for (let level = 0; level < Math.abs(depth) % 4; level++)
    value = [{ members: [[keys[0]?.join("") ?? "k", value]] }, level]
  return value
}

const piece = Schema.Literals([
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"\\n"',
  '"a"',
  "1",
  "-",
  "0",
  "nul",
  "null",
  " ",
  '"',
  "\\",
  "\u00a0"
])

/** A key as a text writes it. */
const rawKey = Schema.Array(Schema.Literals(["\\\\", "\\n", '\\"', "\\u0061", "\\u005c", "a", "n", "u"])).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(3)
)

/** Whether this engine mixes keys up after keys that nothing else in the process has, which is what all this is for. */
const engineMixesKeys = (): boolean => {
  // Kept, for what was collected as garbage misleads no one.
  const before: object = JSON.parse('{"only here":1,"\\\\":1}')
  return !Object.hasOwn(JSON.parse('{"only here":1,"\\n":2}'), "\n") && Object.hasOwn(before, "\\")
}

let runs = 0

describe("Json.parse", () => {
  it("gives an escaped key its own name after a text with a backslash as key, whatever the engine does", () => {
    Json.parse('{"nowhere else":[],"\\\\":0}')
    assert.deepStrictEqual(Object.keys(Json.parse('{"nowhere else":1,"\\"":2}') as object), ["nowhere else", '"'])
    assert.deepStrictEqual(Object.keys(Json.parse('{"nowhere else":1,"\\n":2}') as object), ["nowhere else", "\n"])
  })

  it("is needed as long as the engine mixes keys up, and says so when it does not any more", () => {
    assert.isTrue(engineMixesKeys(), "this engine has been mended: Json.parse may be JSON.parse again")
  })

  it.prop(
    "reads any keys and values as they were written, whatever was read before",
    [Nested, Nested],
    ([first, second]) => {
      runs++
      for (const value of [build(runs, first), build(runs, second), build(runs, first)]) {
        assert.deepStrictEqual(entriesOf(Json.parse(write(value))), expected(value))
      }
    }
  )

  it.prop("refuses what JSON.parse refuses, and reads what it reads", [Schema.Array(piece)], ([pieces]) => {
    const reads = (parse: (text: string) => unknown, key: string): boolean => {
      try {
        parse(`{"${key}":${pieces.join("")}`)
        return true
      } catch (error) {
        if (error instanceof SyntaxError) return false
        throw error
      }
    }
    assert.strictEqual(reads(Json.parse, "\\t"), reads(JSON.parse, "t"))
  })

  it.prop(
    "need not read what has only names without a backslash: no engine gives those to other keys",
    [rawKey],
    (raw) => {
      runs++
      const key: string = JSON.parse(`"${raw.join("")}"`)
      // The text before its escapes are undone, as far as the key is long, is what the engine takes for the key.
      const mistaken = raw.join("").slice(0, key.length)
      const before: unknown = JSON.parse(`{"run ${runs}":1,${JSON.stringify(mistaken)}:1}`)
      const read = Object.keys(JSON.parse(`{"run ${runs}":1,"${raw.join("")}":2}`)).at(-1) ?? ""
      assert.isTrue(
        read === key || (read === mistaken && read.includes("\\")),
        `${read} after ${JSON.stringify(before)}`
      )
    }
  )

  it("looks for escaped keys only", () => {
    assert.isFalse(Json.hasEscapedKey('{"a":"say \\"hi\\": there","b":"C:\\\\"}'))
    assert.isFalse(Json.hasEscapedKey('["\\n", "\\\\"]'))
    assert.isTrue(Json.hasEscapedKey('{"a":"\\\\","b\\"" \n\t:1}'))
    assert.isTrue(Json.hasEscapedKey('{"\\\\":1}'))
    assert.isFalse(Json.hasEscapedKey('{"a":"\\'))
  })

  it("reads keys of prototypes as data, the last of equal keys, and depth without recursion", () => {
    const value = Json.parse('{"__proto__":{"x":1},"constructor":2,"a":1,"\\n":0,"a":3}') as object
    assert.deepStrictEqual(Object.entries(value), [
      ["__proto__", { x: 1 }],
      ["constructor", 2],
      ["a", 3],
      ["\n", 0]
    ])
    assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
    const depth = 200_000
    assert.isTrue(Array.isArray(Json.parse(`${"[".repeat(depth)}{"\\n":1}${"]".repeat(depth)}`)))
  })

  it("takes time in proportion to a text of nothing but backslashes and quotes", () => {
    const many = `{"a":"${'\\\\\\"'.repeat(500_000)}","\\n":1}`
    assert.deepStrictEqual(Object.keys(Json.parse(many) as object), ["a", "\n"])
  })
})
