import { assert, describe, it } from "@effect/vitest"
import * as Token from "@tributary/domain/event/Token"

describe("Token", () => {
  it("names what is wrong with a token, and nothing else is wrong", () => {
    assert.strictEqual(Token.faultOf(""), "empty")
    assert.strictEqual(Token.faultOf("a".repeat(65)), "too_long")
    assert.strictEqual(Token.faultOf("phc_ü"), "not_ascii")
    assert.strictEqual(Token.faultOf("phx_abc"), "personal_api_key")
    assert.strictEqual(Token.faultOf("phc_\0"), "null_byte")
    for (const token of ["a".repeat(64), "phc_test", "__proto__", "two words", '"', "7"]) {
      assert.isUndefined(Token.faultOf(token), token)
    }
  })
})
