import { assert, describe, it } from "@effect/vitest"
import * as HogFunction from "@tributary/domain/function/HogFunction"
import * as Inputs from "@tributary/domain/function/Inputs"
import * as Masking from "@tributary/domain/function/Masking"
import * as Refusal from "@tributary/domain/function/Refusal"
import { Result } from "effect"

const row = (more: Partial<HogFunction.Row> = {}): HogFunction.Row => ({
  id: "00000000-0000-4000-8000-000000000001",
  team: 7,
  type: "destination",
  name: "f",
  executionOrder: null,
  templateId: "template-webhook",
  inputsSchema: [],
  inputs: {},
  secretInputs: Result.succeed(null),
  filters: {},
  mappings: null,
  masking: null,
  createdAt: 0,
  ...more
})

const inputsOf = (more: Partial<HogFunction.Row>, defaults = {}) =>
  Result.getOrThrow(HogFunction.decode(row(more), defaults)).targets[0]?.inputs ?? Inputs.none
const resolved = (more: Partial<HogFunction.Row>, globals = {}, defaults = {}) =>
  Inputs.resolve(inputsOf(more, defaults), globals)
const refusal = (more: Partial<HogFunction.Row>) =>
  Refusal.toLine(Result.getOrThrow(Result.flip(HogFunction.decode(row(more), {}))))

describe("inputs", () => {
  it("come from the defaults, the row, its secrets and the mapping, the later winning", () => {
    const decoded = Result.getOrThrow(
      HogFunction.decode(
        row({
          inputs: { a: { value: "row" }, b: { value: "row" }, c: { value: "row" } },
          secretInputs: Result.succeed({ b: { value: "secret" }, c: { value: "secret" } }),
          mappings: [{ inputs: { c: { value: "mapping" } } }]
        }),
        { a: "default", d: "default" }
      )
    )
    const [target] = decoded.targets
    assert.deepStrictEqual(Inputs.resolve(target?.inputs ?? Inputs.none, {}), {
      a: "row",
      b: "secret",
      c: "mapping",
      d: "default"
    })
  })

  it("may name each other in any order", () => {
    const inputs = { a: { value: "{inputs.b}!" }, b: { value: "{inputs.c.x}" }, c: { value: { x: "{event.event}" } } }
    assert.deepStrictEqual(resolved({ inputs }, { event: { event: "e" } }), { a: "e!", b: "e", c: { x: "e" } })
  })

  it("of types that hold no template are taken as they are, and so are those that say so", () => {
    const inputsSchema = [
      { key: "method", type: "choice" },
      { key: "raw", type: "string", templating: false }
    ]
    const inputs = { method: { value: "{event.event}" }, raw: { value: "{x" } }
    assert.deepStrictEqual(resolved({ inputsSchema, inputs }), { method: "{event.event}", raw: "{x" })
  })

  it("that depend on no event are known to", () => {
    assert.isTrue(inputsOf({ inputs: { a: { value: ["x"] }, b: { value: "y" } } }).isLiteral)
    assert.isFalse(inputsOf({ inputs: { a: { value: ["{event.event}"] } } }).isLiteral)
  })

  it("refuse cycles, missing required ones, Liquid, and types that need what is not here", () => {
    const cycle = { a: { value: "{inputs.b}" }, b: { value: "{inputs.a}" } }
    assert.include(refusal({ inputs: cycle }), "refers to itself")
    assert.include(
      refusal({ inputsSchema: [{ key: "url", required: true }] }),
      "inputs.url: a required input is missing"
    )
    assert.include(
      refusal({ inputsSchema: [{ key: "url", required: true }], inputs: { url: { value: "" } } }),
      "a required input is missing"
    )
    assert.include(refusal({ inputs: { a: { value: "{{ event.event }}", templating: "liquid" } } }), "Liquid")
    assert.include(
      refusal({ inputsSchema: [{ key: "slack", type: "integration" }], inputs: { slack: { value: 5 } } }),
      "integration"
    )
    assert.include(refusal({ inputs: { a: "no value" } }), "inputs")
  })

  it("keep the keys that are secret apart", () => {
    const inputs = inputsOf({
      inputsSchema: [{ key: "token", type: "string", secret: true }],
      inputs: { token: { value: "t" }, other: { value: "o" } },
      secretInputs: Result.succeed({ key: { value: "k" } })
    })
    assert.deepStrictEqual([...inputs.secretKeys].sort(), ["key", "token"])
    assert.notInclude(JSON.stringify(inputs), '"t"')
  })
})

describe("rows", () => {
  it("R24: need no bytecode, and any that is there makes no difference", () => {
    const plain = HogFunction.decode(row({ inputs: { url: { value: "https://x.io" } } }), {})
    const compiled = HogFunction.decode(
      row({
        inputs: { url: { value: "https://x.io", bytecode: ["_H", 1, 32, "https://other"], order: 3 } },
        filters: { bytecode: ["_H", 1, 30] }
      }),
      {}
    )
    const url = (result: typeof plain) =>
      Inputs.resolve(Result.getOrThrow(result).targets[0]?.inputs ?? Inputs.none, {})
    assert.deepStrictEqual(url(plain), url(compiled))
    assert.isTrue(
      Result.getOrThrow(compiled).filter.matches({
        event: "e",
        properties: {},
        elementsChain: "",
        person: {},
        group: () => ({})
      })
    )
  })

  it("R25: are refused with one line that names row, project, part and reason", () => {
    assert.strictEqual(
      refusal({ inputs: { url: { value: "{event.properties.x ?? 'anon'}" } } }),
      "function 00000000-0000-4000-8000-000000000001 of project 7 is not used: inputs.url: " +
        "{event.properties.x ?? 'anon'} is not understood: only {path} is"
    )
    for (const more of [
      { filters: { actions: [{ id: 1 }] } },
      { filters: { properties: [{ key: "id", type: "cohort", value: 2 }] } },
      { templateId: null },
      { secretInputs: Result.fail("ENCRYPTION_SALT_KEYS has no key for it") },
      { mappings: "x" },
      { mappings: [{ filters: { actions: [{}] } }] },
      { mappings: [{ inputs: { a: { value: "{nope}" } } }] },
      { masking: { hash: "{f(x)}" } },
      { masking: { hash: "{inputs.x}" } },
      { masking: { ttl: 5 } }
    ]) {
      assert.notInclude(refusal(more), "\n")
    }
  })

  it("have a target for each enabled mapping, numbered as they stand, and none for an empty list", () => {
    const numbers = (mappings: unknown) =>
      Result.getOrThrow(HogFunction.decode(row({ mappings }), {})).targets.map(({ mapping }) => mapping)
    assert.deepStrictEqual(numbers(null), [-1])
    assert.deepStrictEqual(numbers([{}, { disabled: true }, {}]), [0, 2])
    assert.deepStrictEqual(numbers([]), [])
  })

  it("clamp the window of a mask, and take no threshold for one in the window", () => {
    const masking = (more: object) =>
      Result.getOrThrow(HogFunction.decode(row({ masking: { hash: "{event.distinct_id}", ...more } }), {})).masking
    assert.deepInclude(masking({}), { ttlSeconds: 86_400, threshold: null })
    assert.deepInclude(masking({ ttl: 0, threshold: 0 }), { ttlSeconds: 1, threshold: null })
    assert.deepInclude(masking({ ttl: 1e9, threshold: 5 }), { ttlSeconds: 86_400, threshold: 5 })
  })
})

describe("masking", () => {
  it("D8, D9: lets the first of a window pass, or every n-th, counted batch by batch", () => {
    const oneByOne = (threshold: number | null) =>
      [0, 1, 2, 3, 4]
        .filter((before) => Masking.passing(before, before + 1, threshold) === 1)
        .map((before) => before + 1)
    assert.deepStrictEqual(oneByOne(null), [1])
    assert.deepStrictEqual(oneByOne(2), [1, 3, 5])
    assert.strictEqual(Masking.passing(0, 3, null), 1)
    assert.strictEqual(Masking.passing(0, 5, 2), 3)
    assert.strictEqual(Masking.passing(3, 8, null), 0)
  })
})
