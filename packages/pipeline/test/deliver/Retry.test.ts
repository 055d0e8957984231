import { assert, describe, it } from "@effect/vitest"
import * as Retry from "@tributary/pipeline/deliver/Retry"
import { OutboundError } from "@tributary/pipeline/service/Outbound"

const now = Date.UTC(2024, 4, 1)
const delay = (attempt: number, retryAfter?: string, chance = 0) => Retry.delayMs(attempt, retryAfter, { chance, now })

describe("trying again", () => {
  it("D14: waits longer each time, with up to a second of jitter, 30 s at most", () => {
    assert.deepStrictEqual([delay(1), delay(2), delay(100)], [1_000, 2_000, 30_000])
    assert.strictEqual(delay(1, undefined, 0.5), 1_500)
    assert.strictEqual(delay(100, undefined, 0.5), 30_000)
  })

  it("waits as long as it is asked to, in seconds or until a date, five minutes at most", () => {
    assert.strictEqual(delay(1, "7"), 7_000)
    assert.strictEqual(delay(1, "7", 0.5), 7_500)
    assert.strictEqual(delay(1, "Wed, 01 May 2024 00:00:30 GMT"), 30_000)
    assert.strictEqual(delay(1, "Wed, 01 May 2013 00:00:30 GMT"), 0)
    assert.strictEqual(delay(1, "86400"), 300_000)
    assert.strictEqual(delay(2, "soon"), 2_000)
  })

  it("is for what may pass by itself", () => {
    const again = [408, 429, 500, 502, 503, 504]
    const codes = Array.from({ length: 500 }, (_, i) => i + 100)
    assert.deepStrictEqual(codes.filter(Retry.isRetriableStatus), again)
    const reasons = ["Connect", "Timeout", "Network", "NotAllowed"] as const
    const retried = reasons.filter((reason) => Retry.isRetriableError(new OutboundError({ reason, detail: "" })))
    assert.deepStrictEqual(retried, ["Connect", "Timeout", "Network"])
  })
})
