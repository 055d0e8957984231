import { assert, describe, it } from "@effect/vitest"
import * as Globals from "@tributary/domain/function/Globals"
import * as HogFunction from "@tributary/domain/function/HogFunction"
import * as Inputs from "@tributary/domain/function/Inputs"
import { webhook } from "@tributary/pipeline/destination/Webhook"
import { Redacted, Result } from "effect"
import { aMessage } from "../deliver/fixtures.ts"
import { aRow } from "../transformation/fixtures.ts"

const globals = Globals.ofDestination(aMessage({ properties: { n: 5 } }), {
  project: { id: 1, name: "Shop" },
  source: { id: "f1", name: "hook" },
  groups: [],
  siteUrl: "https://eu.example"
})

const prepare = (inputs: Record<string, unknown>) => {
  const row = aRow({
    type: "destination",
    templateId: webhook.id,
    inputs: Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, { value }]))
  })
  const decoded = Result.getOrThrow(HogFunction.decode(row, webhook.defaults))
  const compiled = decoded.targets[0]?.inputs ?? Inputs.none
  return { fits: webhook.check(compiled), delivery: webhook.prepare(globals, Inputs.resolve(compiled, globals)) }
}
const delivery = (inputs: Record<string, unknown>) => Result.getOrThrow(prepare(inputs).delivery)
const url = "https://hooks.example/a"

describe("the webhook", () => {
  it("D12: posts event and person as JSON unless told otherwise", () => {
    const { request } = delivery({ url })
    assert.deepStrictEqual(
      { ...request, body: JSON.parse(request.body ?? "") },
      {
        url,
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: {
          event: {
            uuid: "018f3a2e-0000-7000-8000-000000000001",
            event: "signup",
            distinct_id: "d 1",
            properties: { n: 5 },
            elements_chain: "",
            timestamp: "2024-05-01T10:00:00.000Z",
            captured_at: null,
            url: "https://eu.example/project/1/events/018f3a2e-0000-7000-8000-000000000001/2024-05-01T10%3A00%3A00.000Z"
          },
          person: {
            id: "p1",
            name: "ann@example.com",
            url: "https://eu.example/project/1/person/d%201",
            properties: { email: "ann@example.com" }
          }
        }
      }
    )
  })

  it("D7: keeps the type of what a template finds", () => {
    const { request } = delivery({ url, body: { n: "{event.properties.n}", text: "n={event.properties.n}" } })
    assert.strictEqual(request.body, '{"n":5,"text":"n=5"}')
  })

  it("sends a body that is a text as it is", () => {
    assert.strictEqual(delivery({ url, body: "{event.event} happened" }).request.body, "signup happened")
  })

  it("D21: has no body with GET", () => {
    assert.isUndefined(delivery({ url, method: "GET" }).request.body)
  })

  it("D22: leaves out headers whose value is no text", () => {
    const { request } = delivery({
      url,
      headers: { a: "1", b: 5, c: null, d: "{event.properties.n}", e: "{event.event}" }
    })
    assert.deepStrictEqual(request.headers, { a: "1", e: "signup" })
  })

  it("counts a redirect as a failure, for nothing was delivered", () => {
    const { interpret } = delivery({ url })
    const answer = (status: number) => interpret({ status, body: "why", retryAfter: undefined })
    assert.deepStrictEqual(answer(204), { _tag: "Delivered" })
    assert.deepStrictEqual(answer(302), { _tag: "Failed", problem: "Webhook failed with status 302: why" })
    assert.deepStrictEqual(answer(500), { _tag: "Failed", problem: "Webhook failed with status 500: why" })
  })

  it("hands its secret and its exempt statuses over", () => {
    const handling = delivery({ url, signing_secret: "whsec_x", non_failure_status_codes: [404, "5xx"], debug: true })
    assert.strictEqual(Redacted.value(handling.signingSecret ?? Redacted.make("")), "whsec_x")
    assert.deepStrictEqual([handling.exempt, handling.debug], [[404, "5xx"], true])
  })

  it("refuses rows without an address or with a method of no kind, and templates that lead to none when they are used", () => {
    assert.isTrue(Result.isFailure(prepare({}).fits))
    assert.isTrue(Result.isFailure(prepare({ url, method: "BREW" }).fits))
    assert.isTrue(Result.isFailure(prepare({ url, headers: "a: b" }).fits))
    const missing = prepare({ url: "{event.properties.hook}" })
    assert.isTrue(Result.isSuccess(missing.fits))
    assert.isTrue(Result.isFailure(missing.delivery))
  })
})
