import { assert, describe, it } from "@effect/vitest"
import { cutName, prepare } from "@tributary/domain/event/Prepare"

describe("cutName", () => {
  it("cuts after 200 UTF-16 units (A41)", () => {
    assert.strictEqual(cutName("x".repeat(250)), "x".repeat(200))
    assert.strictEqual(cutName("x".repeat(200)), "x".repeat(200))
  })

  it("leaves no half of a pair behind (A52)", () => {
    assert.strictEqual(cutName(`a${"😀".repeat(100)}`), `a${"😀".repeat(99)}\uFFFD`)
    assert.strictEqual(cutName("😀".repeat(101)), "😀".repeat(100))
  })
})

describe("prepare", () => {
  const keep = { anonymizeIps: false, isPersonless: false }

  it("removes what SDKs send for themselves (A49)", () => {
    const bloat = { ph_product_tours: 1, $product_tours_activated: [], $override_feature_flag_payloads: {} }
    assert.deepStrictEqual(prepare({ a: 1, ...bloat }, keep), { a: 1 })
  })

  it("removes the address where the project anonymises (A43)", () => {
    assert.deepStrictEqual(prepare({ a: 1, $ip: "1.2.3.4" }, { ...keep, anonymizeIps: true }), { a: 1 })
    assert.deepStrictEqual(prepare({ $ip: "1.2.3.4" }, keep), { $ip: "1.2.3.4" })
  })

  it("removes group columns, not $groups, from personless events (A29, N19)", () => {
    const properties = { $group_0: "acme", $group_4: "x", $group_5: "y", $groups: { org: "acme" } }
    assert.deepStrictEqual(prepare(properties, { ...keep, isPersonless: true }), {
      $group_5: "y",
      $groups: { org: "acme" }
    })
    assert.strictEqual(prepare(properties, keep), properties)
  })

  it("keeps odd names", () => {
    const properties: Record<string, unknown> = JSON.parse('{"__proto__":1,"$ip":"x"}')
    assert.strictEqual(JSON.stringify(prepare(properties, { ...keep, anonymizeIps: true })), '{"__proto__":1}')
  })
})
