import { assert, describe, it } from "@effect/vitest"
import * as StandardWebhooks from "@tributary/pipeline/destination/StandardWebhooks"
import { Redacted, Result } from "effect"

const signed = { id: "msg_1", timestamp: 1_700_000_000, body: '{"a":1}' }
const sign = (secret: string) => StandardWebhooks.sign(Redacted.make(secret), signed)

describe("Standard Webhooks", () => {
  it("D37: signs id, time and body", () => {
    const expected = {
      "webhook-id": "msg_1",
      "webhook-timestamp": "1700000000",
      "webhook-signature": "v1,hVsFLpmw4Ib/Xm0eZLt3KqYBZdt0U8gdGeuz0EsGv78="
    }
    assert.deepStrictEqual(Result.getOrThrow(sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), expected)
    assert.deepStrictEqual(Result.getOrThrow(sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), expected)
  })

  it("D38: refuses secrets that are too short or no base64, without quoting them", () => {
    for (const secret of ["c2hvcnQ=", "", "whsec_", "not base64!"]) {
      const problem = Result.getOrThrow(Result.flip(sign(secret)))
      assert.include(problem, "the signing secret")
      if (secret !== "") assert.notInclude(problem, secret)
    }
  })
})
