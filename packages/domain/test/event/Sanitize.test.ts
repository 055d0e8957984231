import { assert, describe, it } from "@effect/vitest"
import type { Properties } from "@tributary/domain/event/Properties"
import { type Beside, sanitize } from "@tributary/domain/event/Sanitize"

const upper = "0199A1B2-0000-7000-8000-00000000000F"

describe("sanitize", () => {
  const cases: ReadonlyArray<readonly [name: string, properties: Properties, beside: Beside, expected: Properties]> = [
    [
      "B05 $set beside the properties wins per key",
      { $set: { q: 9, r: 3 } },
      { set: { p: 1, q: 2 } },
      { $set: { p: 1, q: 2, r: 3 } }
    ],
    ["B06 and so does $set_once", { $set_once: { p: 9 } }, { setOnce: { p: 1 } }, { $set_once: { p: 1 } }],
    ["B14 a text is no $set to join with", { $set: "abc" }, { set: { a: 1 } }, { $set: { a: 1 } }],
    [
      "B18 two $unset become a list of all names",
      { $unset: ["b", "a"] },
      { unset: ["a", "c", 7] },
      { $unset: ["b", "a", "c"] }
    ],
    ["B18 an object's names are its keys", { $unset: { b: 1 } }, { unset: { a: 1 } }, { $unset: ["b", "a"] }],
    ["B18 a lone $unset stays as sent", {}, { unset: { d: 1 } }, { $unset: { d: 1 } }],
    ["B18 anything else is ignored", { a: 1 }, { unset: "a" }, { a: 1 }],
    ["B18 null is ignored", { $unset: ["a"] }, { unset: null }, { $unset: ["a"] }],
    ["A44 the address that capture saw", {}, { ip: "1.2.3.4" }, { $ip: "1.2.3.4" }],
    ["A44 unless the client gave one", { $ip: "5.6.7.8" }, { ip: "1.2.3.4" }, { $ip: "5.6.7.8" }],
    ["A44 or nobody knows it", {}, { ip: null }, {}],
    [
      "A45 the time of sending",
      { $sent_at: "x" },
      { sentAt: "2024-05-01T10:00:00Z" },
      { $sent_at: "2024-05-01T10:00:00Z" }
    ],
    [
      "A46 a session id that is a UUID is lower-cased",
      { $session_id: upper },
      {},
      { $session_id: upper.toLowerCase() }
    ],
    ["A46 any other is not", { $session_id: "Hello" }, {}, { $session_id: "Hello" }]
  ]
  for (const [name, properties, beside, expected] of cases)
    it(`joins what stands beside the properties: ${name}`, () => {
      const once = sanitize(properties, beside)
      assert.deepStrictEqual(once, expected)
      assert.strictEqual(sanitize(once), once)
    })

  it("returns the very object when there is nothing to do", () => {
    const properties = { a: 1, $ip: "1.2.3.4", $session_id: upper.toLowerCase() }
    assert.strictEqual(sanitize(properties, { ip: "5.6.7.8" }), properties)
  })
})
