import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import * as Fernet from "../../src/functions/Fernet.ts"

const keysOf = (setting: string) => Result.getOrThrow(Fernet.parseKeys(Redacted.make(setting)))

describe("Fernet", () => {
  it("opens the token of the Fernet specification's own example", () => {
    const keys = keysOf("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=")
    const token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA=="
    assert.strictEqual(Fernet.decrypt(keys, token), "hello")
  })

  it.prop("opens what it closed, with any key of the list", [Schema.String], ([text]) => {
    const clean = text.toWellFormed()
    const old = keysOf("0123456789abcdef0123456789abcdef")
    const both = keysOf("fedcba9876543210fedcba9876543210, 0123456789abcdef0123456789abcdef")
    assert.strictEqual(Fernet.decrypt(both, Fernet.encrypt(old, clean, 1_700_000_000_000) ?? ""), clean)
    assert.isUndefined(Fernet.decrypt(old, Fernet.encrypt(both, clean, 0) ?? ""))
  })

  it("opens nothing that was tampered with, cut or never closed", () => {
    const keys = keysOf("0123456789abcdef0123456789abcdef")
    const token = Fernet.encrypt(keys, "s3cr3t", 0) ?? ""
    const flipped = `${token.slice(0, 60)}${token[60] === "A" ? "B" : "A"}${token.slice(61)}`
    for (const bad of ["", "x", token.slice(0, -8), flipped, `AAAA${token}`, "gAAAA"]) {
      assert.isUndefined(Fernet.decrypt(keys, bad))
    }
  })

  it("takes keys of 32 characters or their base64, says which one is wrong, and never quotes it", () => {
    const result = Fernet.parseKeys(Redacted.make("0123456789abcdef0123456789abcdef,tooshort"))
    assert.strictEqual(
      Result.getOrThrow(Result.flip(result)),
      "key 2 is neither 32 characters nor the base64 of 32 bytes"
    )
    assert.isUndefined(Fernet.encrypt(keysOf(""), "x", 0))
  })
})
