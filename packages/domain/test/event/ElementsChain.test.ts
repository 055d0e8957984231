import { assert, describe, it } from "@effect/vitest"
import { chainOf, serialize } from "@tributary/domain/event/ElementsChain"
import * as Text from "@tributary/domain/event/Text"
import * as Schema from "effect/Schema"

const link = {
  tag_name: "a",
  $el_text: "Go",
  attr__href: "/x",
  attr__class: "primary btn",
  nth_child: 1,
  nth_of_type: 1
}

describe("serialize", () => {
  it("writes tag, sorted classes and sorted attributes (G04)", () => {
    assert.strictEqual(
      serialize([link, { tag_name: "div", attr__id: "main", attr__class: ["b", 'a"'] }]),
      'a.btn.primary:attr__class="primary btn"attr__href="/x"href="/x"nth-child="1"nth-of-type="1"text="Go";' +
        'div.a.b:attr__class="b a\\""attr__id="main"attr_id="main"nth-child="0"nth-of-type="0"'
    )
  })

  it("escapes double quotes", () => {
    assert.include(serialize([{ tag_name: "p", $el_text: 'say "hi"' }]), 'text="say \\"hi\\""')
  })

  it("cuts long texts and links, never through a pair (G07)", () => {
    const chain = serialize([{ $el_text: `${"t".repeat(399)}😀`, attr__href: "h".repeat(3000) }])
    assert.include(chain, `text="${"t".repeat(399)}\uFFFD"`)
    assert.include(chain, `nth-child`)
    assert.match(chain, /:attr__href="h{3000}"href="h{2048}"nth-child/)
  })

  it.prop("never fails, and of clean elements makes a clean text", [Schema.Array(Schema.Json)], ([elements]) => {
    assert.isTrue(Text.isClean(serialize(Text.cleanJson(elements))))
  })
})

describe("chainOf", () => {
  it("prefers the given chain, verbatim (G05)", () => {
    assert.strictEqual(chainOf({ $elements_chain: 'a:text="x"', $elements: [link] }), 'a:text="x"')
  })

  it("is empty where there is nothing to serialise (G06)", () => {
    for (const properties of [
      {},
      { $elements: "oops" },
      { $elements: [] },
      { $elements: [null] },
      { $elements_chain: "" }
    ])
      assert.strictEqual(chainOf(properties), "")
  })
})
