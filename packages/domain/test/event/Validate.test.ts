import { assert, describe, it } from "@effect/vitest"
import * as Validate from "@tributary/domain/event/Validate"

const subject = (event: string) => ({ team: 1, uuid: "u", event, distinctId: "d" })

describe("distinctId", () => {
  it("takes 400 units and refuses 401 (A08, A09)", () => {
    assert.isUndefined(Validate.distinctId(1, undefined))
    assert.isUndefined(Validate.distinctId(1, "x".repeat(400)))
    assert.deepStrictEqual(Validate.distinctId(1, "x".repeat(401)), {
      reason: "distinct_id_too_long",
      warning: {
        team: 1,
        type: "skipping_event_invalid_distinct_id",
        details: { distinctId: "x".repeat(100), distinctIdLength: 401, maxLength: 400 }
      }
    })
  })
})

describe("groupKey", () => {
  it("refuses a $groupidentify with a key of 401 units (A47)", () => {
    const rejection = Validate.groupKey(subject("$groupidentify"), { $group_key: "k".repeat(401) })
    assert.strictEqual(rejection?.reason, "group_key_too_long")
    assert.deepStrictEqual(rejection?.warning.details, {
      eventUuid: "u",
      event: "$groupidentify",
      distinctId: "d",
      groupKey: "k".repeat(400),
      groupKeyLength: 401,
      maxLength: 400
    })
  })

  it("lets other keys and other events pass", () => {
    for (const $group_key of ["k".repeat(400), 5, null, undefined])
      assert.isUndefined(Validate.groupKey(subject("$groupidentify"), { $group_key }))
    assert.isUndefined(Validate.groupKey(subject("e"), { $group_key: "k".repeat(401) }))
  })
})

describe("mergePartner", () => {
  it("refuses partners that are no text (A48)", () => {
    const identify = Validate.mergePartner(subject("$identify"), { $anon_distinct_id: { a: 1 } })
    assert.strictEqual(identify?.reason, "invalid_anon_distinct_id")
    assert.deepStrictEqual(identify?.warning, {
      team: 1,
      type: "invalid_anon_distinct_id",
      details: { eventUuid: "u", event: "$identify", distinctId: "d", receivedType: "object" }
    })
    for (const event of ["$create_alias", "$merge_dangerously"])
      assert.strictEqual(Validate.mergePartner(subject(event), { alias: 5 })?.warning.type, "invalid_alias")
  })

  it("lets texts, null and nothing pass", () => {
    for (const $anon_distinct_id of ["x", "", null, undefined])
      assert.isUndefined(Validate.mergePartner(subject("$identify"), { $anon_distinct_id, alias: 5 }))
    assert.isUndefined(Validate.mergePartner(subject("e"), { $anon_distinct_id: 5, alias: 5 }))
  })
})

describe("sessionId", () => {
  it("warns of a session id that is no UUID (A46)", () => {
    assert.deepStrictEqual(Validate.sessionId(subject("e"), { $session_id: "hello" }), {
      team: 1,
      type: "invalid_event_session_id",
      details: { eventUuid: "u", sessionId: "hello" }
    })
    assert.strictEqual(Validate.sessionId(subject("e"), { $session_id: 5 })?.details["sessionId"], "5")
    const long = Validate.sessionId(subject("e"), { $session_id: "s".repeat(500) })
    assert.strictEqual(long?.details["sessionId"], "s".repeat(200))
  })

  it("is silent about a UUID, and about none", () => {
    for (const $session_id of ["0199a1b2-0000-7000-8000-00000000000f", null, undefined])
      assert.isUndefined(Validate.sessionId(subject("e"), { $session_id }))
  })
})

describe("age", () => {
  const receivedAt = Date.parse("2024-05-01T10:00:00Z")
  const old = (seconds: number, thresholdSeconds: number | null = 3600) =>
    Validate.age(subject("e"), { timestamp: String(receivedAt - seconds * 1000), receivedAt, thresholdSeconds })

  it("refuses what is older than the threshold (A30)", () => {
    assert.deepStrictEqual(old(3660.5), {
      reason: "event_too_old",
      warning: {
        team: 1,
        type: "event_dropped_too_old",
        details: {
          eventUuid: "u",
          event: "e",
          distinctId: "d",
          eventTimestamp: "2024-05-01T08:58:59.500Z",
          ageInSeconds: 3660,
          dropThresholdSeconds: 3600
        }
      }
    })
  })

  it("lets pass what is not, or is from the future, or has no readable time (A31)", () => {
    for (const seconds of [3540, 3600, -86_400]) assert.isUndefined(old(seconds))
    for (const timestamp of [undefined, "", "yesterday", "-1e300", "NaN"])
      assert.isUndefined(Validate.age(subject("e"), { timestamp, receivedAt, thresholdSeconds: 3600 }))
  })

  it("is off without a threshold (A32)", () => {
    for (const threshold of [0, null]) assert.isUndefined(old(315_360_000, threshold))
  })
})
