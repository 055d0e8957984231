import { assert, describe, it } from "@effect/vitest"
import * as EventFilter from "@tributary/domain/project/EventFilter"

const condition = (value: string, field = "event_name", operator = "exact") => ({
  type: "condition",
  field,
  operator,
  value
})
const filter = (tree: unknown, mode = "live") => EventFilter.decode({ id: "f", mode, tree })

const verdict = (tree: unknown, eventName: string | undefined, distinctId: string | undefined = "d", mode = "live") => {
  const decoded = filter(tree, mode)
  assert.isOk(decoded)
  return decoded ? EventFilter.verdict(decoded, { eventName, distinctId }) : undefined
}

describe("decode", () => {
  it("takes nothing, and a tree without conditions, for no filter (A56)", () => {
    for (const value of [undefined, null]) assert.isNull(EventFilter.decode(value))
    for (const tree of [
      { type: "and", children: [] },
      { type: "not", child: { type: "or", children: [] } }
    ])
      assert.isNull(filter(tree))
  })

  it("does not understand anything else as a whole", () => {
    const deep = Array.from({ length: 50_000 }).reduce((child: unknown) => ({ type: "not", child }), condition("x"))
    const trees = [
      undefined,
      "x",
      [],
      { type: "xor", children: [] },
      { type: "and" },
      { type: "not" },
      condition("x", "uuid"),
      condition("x", "event_name", "regex"),
      { ...condition("x"), value: 5 },
      { type: "and", children: [condition("x"), {}] },
      deep
    ]
    for (const tree of trees) assert.isUndefined(filter(tree))
    for (const value of ["x", [], { tree: condition("x") }, { id: 5, mode: "live", tree: condition("x") }])
      assert.isUndefined(EventFilter.decode(value))
  })

  it("names a filter without an id", () => {
    assert.strictEqual(EventFilter.decode({ mode: "live", tree: condition("x") })?.id, "event_filter")
  })
})

describe("verdict", () => {
  it("drops in mode live what matches (A54)", () => {
    assert.strictEqual(verdict(condition("noise"), "noise"), "dropped")
    assert.isUndefined(verdict(condition("noise"), "signal"))
    assert.isUndefined(verdict(condition("noise"), "noisy"))
  })

  it("only counts in any other mode (A55)", () => {
    assert.strictEqual(verdict(condition("noise"), "noise", "d", "dry_run"), "would_be_dropped")
  })

  it("combines conditions, where empty ones are false", () => {
    const both = { type: "and", children: [condition("noise"), condition("bot", "distinct_id", "contains")] }
    assert.strictEqual(verdict(both, "noise", "a bot 1"), "dropped")
    assert.isUndefined(verdict(both, "noise", "alice"))
    assert.strictEqual(verdict({ type: "or", children: both.children }, "signal", "robots"), "dropped")
    assert.strictEqual(verdict({ type: "not", child: condition("signal") }, "noise"), "dropped")
    assert.isUndefined(verdict({ type: "or", children: [{ type: "and", children: [] }, condition("x")] }, "noise"))
  })

  it("holds a condition on an absent field for false", () => {
    assert.isUndefined(verdict(condition("", "event_name", "contains"), undefined))
  })

  it("exempts merge and group events (spec worker 10.2)", () => {
    for (const event of ["$identify", "$create_alias", "$merge_dangerously", "$groupidentify"])
      assert.isUndefined(verdict(condition("$", "event_name", "contains"), event))
  })
})
