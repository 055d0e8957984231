import { assert, describe, it } from "@effect/vitest"
import * as Pattern from "@tributary/domain/function/Pattern"
import { Result, Schema } from "effect"

const matches = (source: string, text: string): boolean => Result.getOrThrow(Pattern.parse(source))(text)

describe("patterns", () => {
  it("find what they describe anywhere in the text", () => {
    const cases: ReadonlyArray<readonly [pattern: string, text: string, expected: boolean]> = [
      ["checkout", "/checkout/1", true],
      ["^/blog/[a-z-]+$", "/blog/a-b", true],
      ["^/blog/[a-z-]+$", "/blog/a-b/", false],
      ["a.c", "abc", true],
      ["a.c", "a\nc", false],
      ["(?s)a.c", "a\nc", true],
      ["(?i)straSSe", "STRASSE", true],
      ["(?i:a)b", "Ab", true],
      ["(?i:a)b", "AB", false],
      ["(?i:(?s:a.))b", "A\nb", true],
      ["((?i)a)b", "AB", false],
      ["a|b|", "x", true],
      ["^(a|b)+$", "abba", true],
      ["^(?:ab){2,3}$", "ababab", true],
      ["^(?:ab){2,3}$", "abababab", false],
      ["^a{2}$", "aa", true],
      ["^a{2,}$", "aaaa", true],
      ["a{,2}", "a{,2}", true],
      ["^(?P<year>\\d{4})-\\d\\d$", "2024-05", true],
      ["^(?<year>\\d{4})$", "2024", true],
      ["\\bcat\\b", "the cat sat", true],
      ["\\bcat\\b", "concatenate", false],
      ["\\Bcat", "concat", true],
      ["(?m)^b$", "a\nb\nc", true],
      ["^b$", "a\nb\nc", false],
      ["\\Aab\\z", "ab", true],
      ["[^a-c]", "abc", false],
      ["[]a]", "]", true],
      ["[[:digit:]_]", "_", true],
      ["\\x41\\x{1F600}", "A😀", true],
      ["^.$", "😀", true],
      ["\\p{Greek}", "λ", true],
      ["^\\pL+$", "straße", true],
      ["\\P{L}", "abc", false],
      ["\\Q1+1\\E=2", "1+1=2", true],
      ["^a*?b$", "aaab", true],
      ["^(a*)*$", "aaab", false],
      ["\\.(jpg|png)$", "a.png", true],
      ["@acme\\.com$", "ann@acme.com", true]
    ]
    for (const [pattern, text, expected] of cases)
      assert.strictEqual(matches(pattern, text), expected, `${pattern} on ${text}`)
  })

  it("are refused where they are not understood", () => {
    const wrong = [
      "(",
      ")",
      "a)",
      "[a",
      "*a",
      "a**",
      "(?=a)",
      "(?!a)",
      "(?<=a)",
      "(a)\\1",
      "\\",
      "[b-a]",
      "a{2,1}",
      "a{1001}",
      "\\y",
      "(?z)a",
      "\\p{Nonsense}",
      "(a{1000}){1000}",
      "(".repeat(1000)
    ]
    for (const pattern of wrong) assert.isTrue(Result.isFailure(Pattern.parse(pattern)), pattern.slice(0, 20))
  })

  it("cost no more on a text that was made to hurt", () => {
    // Backtracking engines need 2^5000 steps here; this one is done before the test could time out.
    assert.isFalse(matches("^(a+)+$", `${"a".repeat(5_000)}b`))
    assert.isFalse(matches("(a*)*(a*)*(a*)*c", "a".repeat(5_000)))
  })

  const Piece = Schema.Literals(["a", "b", ".", "a*", "(a|b)", "[ab]+", "b?", "^", "$", "\\b", "(?:ab|ba){1,2}"])
  it.prop(
    "agree with the platform's engine wherever both understand the pattern",
    { pieces: Schema.Array(Piece), text: Schema.Array(Schema.Literals(["a", "b", "c", " "])) },
    ({ pieces, text }) => {
      const source = pieces.slice(0, 6).join("")
      const subject = text.join("")
      assert.strictEqual(matches(source, subject), new RegExp(source, "u").test(subject))
    },
    { arbitrary: { runs: 500 } }
  )
})
