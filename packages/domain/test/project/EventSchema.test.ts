import { assert, describe, it } from "@effect/vitest"
import * as EventSchema from "@tributary/domain/project/EventSchema"

const errors = (types: ReadonlyArray<string>, value: unknown) => {
  const schemas = EventSchema.decode({ buy: { price: types } })
  assert.isOk(schemas)
  return schemas ? EventSchema.check(schemas, "buy", { price: value }).map(({ reason }) => reason) : []
}

describe("decode", () => {
  it("takes nothing for no schemas, and does not understand anything odd as a whole", () => {
    for (const value of [undefined, null, {}]) assert.isNull(EventSchema.decode(value))
    for (const value of ["x", [], { buy: [] }, { buy: { price: "Numeric" } }, { buy: { price: [1] }, ok: {} }])
      assert.isUndefined(EventSchema.decode(value))
  })
})

describe("check", () => {
  const cases: ReadonlyArray<readonly [type: string, taken: ReadonlyArray<unknown>, refused: ReadonlyArray<unknown>]> =
    [
      ["String", ["", 5, true, {}], []],
      ["Numeric", [12.5, "12.5", " 7 ", "-1e3"], [true, "", "x", "Infinity", {}]],
      ["Boolean", [true, false, "true", "false"], ["True", 1, 0, "yes"]],
      ["DateTime", ["2024-05-01", "2024-05-01 10:00:00", 1714557600, "1714557600"], ["soon", {}, true]],
      ["Object", [{}, { a: 1 }, []], ["{}", 5]],
      ["Colour", ["anything", 5], []]
    ]
  for (const [type, taken, refused] of cases)
    it(`coerces to ${type} (A57)`, () => {
      for (const value of taken) assert.deepStrictEqual(errors([type], value), [], JSON.stringify(value))
      for (const value of refused)
        assert.deepStrictEqual(errors([type], value), ["type_mismatch"], JSON.stringify(value))
      for (const value of [undefined, null]) assert.deepStrictEqual(errors([type], value), ["missing_required"])
    })

  it("takes any of several types", () => {
    assert.deepStrictEqual(errors(["Numeric", "Boolean"], "true"), [])
    assert.deepStrictEqual(errors(["Numeric", "Boolean"], "x"), ["type_mismatch"])
  })

  it("looks at own properties only", () => {
    const schemas = EventSchema.decode({ buy: { toString: ["String"] } })
    assert.deepStrictEqual(schemas ? EventSchema.check(schemas, "buy", {}) : [], [
      { property: "toString", reason: "missing_required" }
    ])
  })
})

describe("reject", () => {
  it("says what was wrong, and is silent about other events (A57)", () => {
    const schemas = EventSchema.decode({ buy: { price: ["Numeric"] } }) ?? new Map()
    const subject = { team: 1, uuid: "u", event: "buy", distinctId: "d" }
    assert.deepStrictEqual(EventSchema.reject(schemas, subject, { price: true }), {
      reason: "schema_validation_failed",
      warning: {
        team: 1,
        type: "schema_validation_failed",
        details: {
          eventUuid: "u",
          eventName: "buy",
          distinctId: "d",
          errors: [{ property: "price", reason: "type_mismatch", expectedTypes: ["Numeric"], actualValue: "true" }]
        }
      }
    })
    assert.isUndefined(EventSchema.reject(schemas, subject, { price: "12.5" }))
    assert.isUndefined(EventSchema.reject(schemas, { ...subject, event: "sell" }, {}))
  })
})
