import { assert, describe, it } from "@effect/vitest"
import * as MergePartner from "@tributary/domain/event/MergePartner"

describe("of", () => {
  it("is whatever $identify has in $anon_distinct_id", () => {
    assert.deepStrictEqual(MergePartner.of("$identify", { $anon_distinct_id: "anon-1" }), {
      distinctId: "anon-1",
      legal: true
    })
    assert.deepStrictEqual(MergePartner.of("$identify", { $anon_distinct_id: null }), {
      distinctId: "null",
      legal: false
    })
    assert.deepStrictEqual(MergePartner.of("$identify", { $anon_distinct_id: "" }), { distinctId: "", legal: false })
    assert.isUndefined(MergePartner.of("$identify", { alias: "x" }))
  })

  it("is a truthy alias of the other two, and of no other event", () => {
    for (const event of ["$create_alias", "$merge_dangerously"]) {
      assert.deepStrictEqual(MergePartner.of(event, { alias: "x" }), { distinctId: "x", legal: true })
      for (const alias of [null, "", 0, false]) assert.isUndefined(MergePartner.of(event, { alias }))
    }
    assert.isUndefined(MergePartner.of("$pageview", { alias: "x", $anon_distinct_id: "y" }))
  })

  it("tests legality on the text as sent, and gives a clean one", () => {
    assert.deepStrictEqual(MergePartner.of("$identify", { $anon_distinct_id: "a\u0000b" }), {
      distinctId: "a\uFFFDb",
      legal: false
    })
  })
})

describe("current", () => {
  it("remembers the legality of the text as sent, as long as the text is that one", () => {
    const sent = MergePartner.of("$identify", { $anon_distinct_id: "a\u0000b" })
    assert.strictEqual(MergePartner.current(sent, "$identify", { $anon_distinct_id: "a\uFFFDb" }), sent)
    assert.deepStrictEqual(MergePartner.current(sent, "$identify", { $anon_distinct_id: "hashed" }), {
      distinctId: "hashed",
      legal: true
    })
    assert.isUndefined(MergePartner.current(sent, "$identify", {}))
  })
})
