import { assert, describe, it } from "@effect/vitest"
import type { Properties } from "@tributary/domain/event/Properties"
import * as Compare from "@tributary/domain/function/Compare"
import * as Filter from "@tributary/domain/function/Filter"
import { Result } from "effect"

const subject = (more: Partial<Filter.Subject> = {}): Filter.Subject => ({
  event: "$pageview",
  properties: {},
  elementsChain: "",
  person: {},
  group: () => ({}),
  ...more
})

const parse = (filters: unknown, kind: Filter.Kind = "destination") => Filter.parse(filters, kind)
const matches = (filters: unknown, more: Partial<Filter.Subject> = {}): boolean =>
  Result.getOrThrow(parse(filters)).matches(subject(more))

/** Whether one property filter lets a value pass; undefined: the property is missing. */
const passes = (operator: string | undefined, wanted: unknown, value: unknown): boolean => {
  const properties: Properties = value === undefined ? {} : { p: value }
  return matches(
    { properties: [{ key: "p", value: wanted, ...(operator === undefined ? {} : { operator }) }] },
    { properties }
  )
}

describe("filters", () => {
  it("D1: without conditions match everything, whatever code is stored with them", () => {
    for (const filters of [null, {}, { bytecode: ["_H", 1, 30, 38] }, { events: [], actions: [], properties: [] }]) {
      assert.isTrue(matches(filters))
    }
  })

  it("D2: match one of the event entries, each with its own properties", () => {
    const filters = {
      events: [
        { id: "signup", name: "signup", type: "events", order: 0 },
        { id: "buy", properties: [{ key: "plan", value: ["pro", "team"] }] }
      ]
    }
    assert.isFalse(matches(filters))
    assert.isTrue(matches(filters, { event: "signup" }))
    assert.isFalse(matches(filters, { event: "buy" }))
    assert.isTrue(matches(filters, { event: "buy", properties: { plan: "team" } }))
  })

  it("take an entry without an id for every event", () => {
    assert.isTrue(matches({ events: [{ id: null, properties: [{ key: "a", value: 1 }] }] }, { properties: { a: 1 } }))
    assert.isFalse(matches({ events: [{ id: null, properties: [{ key: "a", value: 1 }] }] }))
  })

  it("D3: demand all global properties, those of the person too", () => {
    const filters = { properties: [{ key: "email", type: "person", operator: "not_icontains", value: "@ACME.com" }] }
    assert.isFalse(matches(filters, { person: { email: "ann@acme.com" } }))
    assert.isTrue(matches(filters, { person: { email: "ann@example.com" } }))
    assert.isTrue(matches(filters))
  })

  it("look at groups by the index of their type", () => {
    const filters = { properties: [{ key: "plan", type: "group", group_type_index: 1, value: "pro" }] }
    assert.isTrue(matches(filters, { group: (index) => (index === 1 ? { plan: "pro" } : {}) }))
    assert.isFalse(matches(filters))
    assert.deepStrictEqual([...Result.getOrThrow(parse(filters)).groups], [1])
  })

  it("look at elements of the chain", () => {
    const elementsChain =
      'a.btn:attr__href="/x"attr_id="go"href="/x"nth-child="1"text="Say \\"hi\\"";div:nth-child="2"text="Box";button:text="Go"'
    const element = (key: string, value: unknown, operator = "exact") =>
      matches({ properties: [{ key, type: "element", value, operator }] }, { elementsChain })
    assert.isTrue(element("tag_name", "button"))
    assert.isFalse(element("tag_name", "div"))
    assert.isTrue(element("text", ['Say "hi"']))
    assert.isTrue(element("text", "o", "icontains"))
    assert.isFalse(element("text", "Go", "is_not"))
    assert.isTrue(element("href", "/x"))
    assert.isTrue(element("id", "go"))
    assert.isFalse(matches({ properties: [{ key: "text", type: "element", operator: "is_set" }] }))
  })

  it("compare as PostHog does", () => {
    const table: ReadonlyArray<
      readonly [operator: string | undefined, wanted: unknown, value: unknown, expected: boolean]
    > = [
      [undefined, "a", "a", true],
      ["exact", "1", 1, true],
      ["exact", 1, "1", true],
      ["exact", ["a", "b"], "b", true],
      ["exact", [], "b", false],
      ["exact", true, 1, true],
      ["exact", ["true"], true, true],
      ["exact", ["false"], true, false],
      ["exact", null, undefined, true],
      ["exact", "", undefined, false],
      ["exact", "", 0, false],
      ["is_not", "a", undefined, true],
      ["is_not", ["a", "b"], "a", false],
      ["icontains", "CME", "acme", true],
      ["icontains", "1", 213, true],
      ["icontains", "a", undefined, false],
      ["not_icontains", "a", undefined, true],
      ["regex", "^a+$", "aa", true],
      ["regex", "^a+$", undefined, false],
      ["not_regex", "^a+$", undefined, true],
      ["not_regex", "^a+$", "aa", false],
      ["gt", 9, "10", true],
      ["gt", "9", "10", true],
      ["gt", 1, undefined, false],
      ["gt", 1, null, false],
      ["gt", 1, "abc", false],
      ["gte", 5, 5, true],
      ["lt", "2024-06-01", "2024-05-01", true],
      ["lte", 5, 6, false],
      ["is_set", undefined, 0, true],
      ["is_set", undefined, null, false],
      ["is_not_set", undefined, undefined, true],
      ["is_not_set", undefined, "", false]
    ]
    for (const [operator, wanted, value, expected] of table) {
      assert.strictEqual(passes(operator, wanted, value), expected, JSON.stringify([operator, wanted, value]))
    }
  })

  it("R25: refuse what they do not understand, and say what", () => {
    const refused: ReadonlyArray<readonly [filters: unknown, word: string]> = [
      [{ actions: [{ id: 1 }] }, "actions"],
      [{ source: "person-updates" }, "person-updates"],
      [{ properties: [{ key: "id", type: "cohort", value: 1 }] }, "cohort"],
      [{ properties: [{ key: "a = 1", type: "hogql" }] }, "hogql"],
      [{ properties: [{ key: "selector", type: "element", value: "a" }] }, "selector"],
      [{ properties: [{ key: "a", operator: "between", value: 1 }] }, "between"],
      [{ properties: [{ key: "a", operator: "regex", value: "(" }] }, "regular expression"],
      [{ properties: { type: "AND", values: [] } }, "properties"],
      [{ events: [{ name: "no id" }] }, "events"],
      [{ events: "all" }, "events"],
      [5, "object"],
      [{ properties: [{ key: "a", type: "group", value: 1 }] }, "group_type_index"]
    ]
    for (const [filters, word] of refused) {
      const result = parse(filters)
      assert.isTrue(Result.isFailure(result), JSON.stringify(filters))
      if (Result.isFailure(result)) assert.include(result.failure, word)
    }
    for (const type of ["person", "group"]) {
      assert.isTrue(
        Result.isFailure(parse({ properties: [{ key: "a", type, value: 1, group_type_index: 0 }] }, "transformation"))
      )
    }
  })

  it("look at own properties only", () => {
    assert.isFalse(passesKey("constructor"))
    assert.isFalse(passesKey("__proto__"))
  })
})

const passesKey = (key: string): boolean => matches({ properties: [{ key, operator: "is_set" }] })

describe("comparing", () => {
  it("objects and lists goes by what they hold", () => {
    assert.isTrue(Compare.isEqual({ a: [1] }, { a: [1] }))
    assert.isFalse(Compare.isEqual({ a: [1] }, { a: [2] }))
    assert.isFalse(Compare.isEqual({}, "{}"))
  })
})
