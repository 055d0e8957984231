import { assert, describe, it } from "@effect/vitest"
import * as Redaction from "@tributary/pipeline/deliver/Redaction"

const redact = (inputs: Record<string, unknown>, secretKeys: ReadonlyArray<string>, text: string): string =>
  Redaction.make(inputs, new Set(secretKeys))(text)

describe("redaction", () => {
  it("D35: replaces secret inputs, wherever and however often they stand", () => {
    assert.strictEqual(
      redact({ key: "s3cr3t" }, ["key"], 'denied: s3cr3t, {"k":"s3cr3t"}'),
      'denied: ***REDACTED***, {"k":"***REDACTED***"}'
    )
  })

  it("D36: replaces what stands under a header that is a credential, with and without its scheme", () => {
    const inputs = { headers: { Authorization: "Bearer abc", "X-Api-Key": "k1", Accept: "text/plain" } }
    assert.strictEqual(
      redact(inputs, [], "Bearer abc | abc | k1 | text/plain"),
      "***REDACTED*** | ***REDACTED*** | ***REDACTED*** | text/plain"
    )
  })

  it("replaces inputs that are named like credentials, all strings in them", () => {
    assert.strictEqual(
      redact({ api_key: { live: "k1", test: ["k2"] } }, [], "k1 k2 k3"),
      "***REDACTED*** ***REDACTED*** k3"
    )
  })

  it("finds secrets as JSON writes them, and the longest first", () => {
    assert.strictEqual(redact({ key: 'a"b' }, ["key"], String.raw`{"x":"a\"b"}`), '{"x":"***REDACTED***"}')
    assert.strictEqual(
      redact({ one: "abc", two: "abcdef" }, ["one", "two"], "abcdef abc"),
      "***REDACTED*** ***REDACTED***"
    )
    assert.strictEqual(redact({ key: "a.c(" }, ["key"], "abc( a.c("), "abc( ***REDACTED***")
  })

  it("ignores blank values", () => {
    assert.strictEqual(redact({ key: "", other: "  " }, ["key", "other"], "a  b"), "a  b")
  })
})

describe("log lines", () => {
  it("D47: are cut at 10,000, never inside a character", () => {
    assert.strictEqual(Redaction.cutLine("x".repeat(10_000)), "x".repeat(10_000))
    assert.strictEqual(Redaction.cutLine("x".repeat(20_000)), `${"x".repeat(10_000)}... (truncated)`)
    assert.strictEqual(Redaction.cutLine(`${"x".repeat(9_999)}😀`), `${"x".repeat(9_999)}... (truncated)`)
  })
})
