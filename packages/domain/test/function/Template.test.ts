import { assert, describe, it } from "@effect/vitest"
import * as Template from "@tributary/domain/function/Template"
import { Result } from "effect"

const roots = new Set(["event", "person"])
const globals = {
  event: {
    event: "signup",
    properties: { n: 5, o: { a: 1 }, list: ["x", null, true], text: "it's", nested: { deep: null } }
  },
  person: null
}
const value = (text: string): unknown => Template.evaluate(Result.getOrThrow(Template.parseText(text, roots)), globals)
const json = (source: unknown): unknown =>
  Template.evaluate(Result.getOrThrow(Template.parseJson(source, roots)), globals)

describe("templates", () => {
  it("D7, D54: that are one path keep the type of what they find", () => {
    assert.strictEqual(value("{event.properties.n}"), 5)
    assert.deepStrictEqual(value("{event.properties.o}"), { a: 1 })
    assert.strictEqual(value("{ event.event }"), "signup")
  })

  it("D54: among other text become text, objects in Hog's way of writing", () => {
    assert.strictEqual(value("a {event.event} b"), "a signup b")
    assert.strictEqual(value("v={event.properties.n}"), "v=5")
    assert.strictEqual(value("v={event.properties.o}"), "v={'a': 1}")
    assert.strictEqual(value("v={event.properties.list}"), "v=['x', null, true]")
    assert.strictEqual(value("{event.properties.nested} and {event.properties.text}"), "{'deep': null} and it's")
  })

  it("are null, or nothing among text, where the path leads nowhere", () => {
    for (const text of [
      "{event.properties.missing}",
      "{event.name}",
      "{person.properties.email}",
      "{event.properties.n.x}"
    ]) {
      assert.isNull(value(text), text)
    }
    assert.strictEqual(value("v={event.properties.missing}"), "v=")
    assert.isNull(value("{event.properties.constructor}"))
    assert.isNull(value("{event.properties.list.length}"))
  })

  it("give a brace for an escaped one", () => {
    assert.strictEqual(value("\\{not a template}"), "{not a template}")
    assert.strictEqual(value("\\{{event.event}}"), "{signup}")
    assert.deepStrictEqual(json({ a: ["\\{x}"] }), { a: ["{x}"] })
  })

  it("D6, R25: refuse any other expression, and unknown roots, with a sentence", () => {
    const refused = [
      "{nope.x}",
      "{event.properties.x ?? 'anon'}",
      "{f(event)}",
      "{event['x']}",
      "{event.}",
      "{}",
      "{event.properties.a-b}",
      "{event.list.1}",
      "{{ event.event }}",
      "{% if x %}",
      "open {event.event"
    ]
    for (const text of refused) assert.isTrue(Result.isFailure(Template.parseText(text, roots)), text)
    const problem = Result.getOrThrow(Result.flip(Template.parseText("{nope.x}", roots)))
    assert.strictEqual(problem, "{nope.x} begins with none of event, person")
  })

  it("are found in every string of a JSON value, but not in its keys", () => {
    assert.deepStrictEqual(json({ "{event.event}": ["{event.event}", 1, { x: "{event.properties.n}" }] }), {
      "{event.event}": ["signup", 1, { x: 5 }]
    })
  })

  it("spread what stands under $$_extend_object, own entries winning", () => {
    const extended = { $$_extend_object: "{event.properties.o}", a: 2, b: "{event.event}" }
    assert.deepStrictEqual(json(extended), { a: 2, b: "signup" })
    assert.deepStrictEqual(json({ $$_extend_object: "{event.properties.n}", b: 1 }), { b: 1 })
  })

  it("keep a key named __proto__ a key", () => {
    const result = json(JSON.parse('{"__proto__":"{event.event}"}'))
    assert.strictEqual(JSON.stringify(result), '{"__proto__":"signup"}')
  })

  it("write values that are nested deeper than any stack", () => {
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]
    const template = Result.getOrThrow(Template.parseText("v={event.deep}", roots))
    assert.include(Template.evaluate(template, { event: { deep } }), "v=[[")
  })

  it("hide what is secret from whoever prints them", () => {
    const template = Template.secret(Template.literal("s3cr3t"))
    assert.notInclude(JSON.stringify(template), "s3cr3t")
    assert.strictEqual(Template.evaluate(template, {}), "s3cr3t")
  })
})
