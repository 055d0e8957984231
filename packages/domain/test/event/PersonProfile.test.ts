import { assert, describe, it } from "@effect/vitest"
import { decide, strip } from "@tributary/domain/event/PersonProfile"
import type { Properties } from "@tributary/domain/event/Properties"

const subject = (event: string) => ({ team: 1, uuid: "u", event, distinctId: "alice" })
const wish = (properties: Properties, isForcedOff = false, isOptedOut = false) => ({
  properties,
  isForcedOff,
  isOptedOut
})
const merges = ["$identify", "$create_alias", "$merge_dangerously"]

describe("decide", () => {
  it("is on without a wish and with true (A26)", () => {
    assert.deepStrictEqual(decide(subject("e"), wish({})), { _tag: "Decided", processing: "on" })
    assert.deepStrictEqual(decide(subject("e"), wish({ $process_person_profile: true })), {
      _tag: "Decided",
      processing: "on"
    })
  })

  it("is off with false, and in projects that opted out (A23, A24)", () => {
    for (const asked of [
      wish({ $process_person_profile: false }),
      wish({}, false, true),
      wish({ $process_person_profile: true }, false, true)
    ])
      assert.deepStrictEqual(decide(subject("$groupidentify"), asked), { _tag: "Decided", processing: "off" })
  })

  it("warns of any other value, and is on (A25)", () => {
    for (const value of ["false", 0, null, {}]) {
      const decision = decide(subject("e"), wish({ $process_person_profile: value }))
      assert.isTrue(decision._tag === "Decided" && decision.processing === "on")
      assert.strictEqual(decision._tag === "Decided" ? decision.warning?.type : "", "invalid_process_person_profile")
    }
  })

  it("drops merge events that contradict themselves (A23, A28)", () => {
    for (const event of merges) {
      assert.deepStrictEqual(decide(subject(event), wish({ $process_person_profile: false })), {
        _tag: "Rejected",
        rejection: {
          reason: "invalid_event_for_flags",
          warning: {
            team: 1,
            type: "invalid_event_when_process_person_profile_is_false",
            details: { eventUuid: "u", event, distinctId: "alice" }
          }
        }
      })
    }
  })

  it("drops none that the header forced off (A21, A22)", () => {
    for (const event of merges)
      assert.deepStrictEqual(decide(subject(event), wish({ $process_person_profile: false }, true, true)), {
        _tag: "Decided",
        processing: "forced_off"
      })
  })
})

describe("strip", () => {
  const full = { a: 1, $set: { b: 1 }, $set_once: { c: 1 }, $unset: ["d"], $process_person_profile: true }

  it("leaves a personless event without changes of a person, and says that it is one (A27)", () => {
    for (const processing of ["off", "forced_off"] as const) {
      const stripped = strip("e", full, processing)
      assert.deepStrictEqual(stripped, { a: 1, $process_person_profile: false })
      assert.strictEqual(strip("e", stripped, processing), stripped)
    }
  })

  it("removes the wish from a personful event, and nothing else (A25, A26)", () => {
    const { $process_person_profile: _, ...rest } = full
    const stripped = strip("e", full, "on")
    assert.deepStrictEqual(stripped, rest)
    assert.strictEqual(strip("e", stripped, "on"), stripped)
  })

  it("removes changes of a person from $groupidentify", () => {
    assert.deepStrictEqual(strip("$groupidentify", full, "on"), { a: 1 })
  })

  it("takes away again what lifting put there", () => {
    const lifted = { $browser: "X", $set: { $browser: "X" }, $set_once: {}, $process_person_profile: false }
    assert.deepStrictEqual(strip("e", lifted, "off"), { $browser: "X", $process_person_profile: false })
  })
})
