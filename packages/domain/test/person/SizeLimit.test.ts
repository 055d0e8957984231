import { assert, describe, it } from "@effect/vitest"
import { defaults } from "@tributary/domain/person/Settings"
import * as SizeLimit from "@tributary/domain/person/SizeLimit"
import * as Schema from "effect/Schema"

describe("storedBytes", () => {
  /** As PostgreSQL 18 says of them: `select pg_column_size('…'::jsonb)`. */
  const measured: ReadonlyArray<readonly [Readonly<Record<string, unknown>>, number]> = [
    [{}, 8],
    [{ "": 0 }, 22],
    [{ a: 1 }, 28],
    [{ a: null, b: true, c: "x" }, 36],
    [{ long: "é☃😀" }, 29],
    [{ n: [0, -1, 0.5, 1e21, 5e-324, 123456.789, 1e256] }, 118],
    [{ o: { x: [1, { y: "z" }] }, list: [] }, 88],
    [{ bb: 1, a: "xyz", ccc: 2 }, 60],
    [{ a: Array(1000).fill(1) }, 12_024],
    [{ a: Array(1000).fill([]), b: Array(1000).fill([1]) }, 28_036],
    [{ a: Array(1000).fill({ "": 1 }) }, 24_024]
  ]
  for (const [properties, bytes] of measured) {
    it(`is what pg_column_size says of ${JSON.stringify(properties).slice(0, 60)}`, () => {
      assert.strictEqual(SizeLimit.storedBytes(properties), bytes)
    })
  }
})

describe("textFits", () => {
  const Json = Schema.Record(Schema.String, Schema.Array(Schema.Union([Schema.Finite, Schema.String, Schema.Null])))

  it.prop(
    "says of a text what is true of its properties, however small the limit",
    { properties: Json, limit: Schema.Int.check(Schema.isBetween({ minimum: 8, maximum: 400 })) },
    ({ limit, properties }) => {
      const settings = { ...defaults, propertiesLimitBytes: limit }
      const json = JSON.stringify(properties)
      assert.strictEqual(
        SizeLimit.textFits(json, properties, settings),
        SizeLimit.storedBytes(JSON.parse(json)) <= limit
      )
    },
    { arbitrary: { runs: 300 } }
  )
})

describe("trim", () => {
  const settings = { ...defaults, propertiesLimitBytes: 200, trimTargetBytes: 60 }
  const text = "x".repeat(20)

  it("takes removable keys in ascending order, until the text is within the target", () => {
    assert.deepStrictEqual(SizeLimit.trim({ zz: text, b: text, a: text, email: "e" }, settings), {
      zz: text,
      email: "e"
    })
  })

  it("never takes what tells who the person is or where it came from", () => {
    const kept = { email: text, name: text, utm_source: text, $initial_referrer: text }
    assert.deepStrictEqual(SizeLimit.trim({ a: text, ...kept }, settings), kept)
  })

  it("gives up when the rest is still over the limit", () => {
    assert.isUndefined(SizeLimit.trim({ a: text, email: "x".repeat(300) }, settings))
  })
})
