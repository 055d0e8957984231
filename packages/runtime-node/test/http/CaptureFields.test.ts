/** Spec capture 9.5: distinct id, uuid, time and address. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { now, sendOne, start } from "./support/server.ts"

const timeOf = Effect.fnUntraced(function* (fields: object, options?: { readonly path: string }) {
  const { message, status } = yield* sendOne(fields, options)
  assert.strictEqual(status, 200)
  assert.strictEqual(message?.header("timestamp"), String(Date.parse(String(message?.value["timestamp"]))))
  return message?.value["timestamp"]
})

describe("distinct id, uuid, time, address (spec capture 9.5)", () => {
  it.live("74, 75: distinct ids that are not text become text, and stay what they are inside data", () =>
    Effect.gen(function* () {
      for (const [sent, text] of [
        [23, "23"],
        [23.4, "23.4"],
        [true, "true"],
        [["a", "b"], '["a","b"]'],
        [{ b: 1, a: 2 }, '{"a":2,"b":1}']
      ] as const) {
        const { message } = yield* sendOne({ distinct_id: sent })
        assert.deepStrictEqual(
          [message?.value["distinct_id"], message?.key, message?.header("distinct_id")],
          [text, `phc_test:${text}`, text]
        )
        assert.deepStrictEqual(message?.data["distinct_id"], sent)
      }
    })
  )

  it.live("76, 79: no distinct id, or a blank one, refuses the request", () =>
    Effect.gen(function* () {
      for (const fields of [
        { distinct_id: undefined },
        { distinct_id: null },
        { distinct_id: "" },
        { distinct_id: " \t" },
        { distinct_id: "", properties: { distinct_id: "u2" } }
      ]) {
        const { code, message, status } = yield* sendOne(fields)
        assert.deepStrictEqual([status, code], [400, "no_distinct_id"])
        assert.isUndefined(message)
      }
    })
  )

  it.live("77, 78, 80: the distinct id is looked for on top, under either name, then in the properties", () =>
    Effect.gen(function* () {
      const inside = yield* sendOne({ distinct_id: null, properties: { distinct_id: "in" } })
      assert.strictEqual(inside.message?.key, "phc_test:in")
      assert.isUndefined(inside.message?.data["distinct_id"])
      const both = yield* sendOne({ distinct_id: "top", properties: { distinct_id: "in" } })
      assert.strictEqual(both.message?.key, "phc_test:top")
      const dollar = yield* sendOne({ distinct_id: undefined, $distinct_id: "dollar" })
      assert.deepStrictEqual([dollar.message?.key, dollar.message?.data["distinct_id"]], ["phc_test:dollar", "dollar"])
    })
  )

  it.live("81 to 84: distinct ids are cut to 200 characters, lose U+0000, and keep their white space", () =>
    Effect.gen(function* () {
      for (const [sent, kept] of [
        ["x".repeat(250), "x".repeat(200)],
        ["€".repeat(150), "€".repeat(150)],
        ["😀".repeat(201), "😀".repeat(200)],
        ["a\u0000b", "a\uFFFDb"],
        ["  u1 ", "  u1 "]
      ]) {
        const { message } = yield* sendOne({ distinct_id: sent })
        assert.deepStrictEqual(
          [message?.value["distinct_id"], message?.key, message?.header("distinct_id")],
          [kept, `phc_test:${kept}`, kept]
        )
        assert.strictEqual(message?.data["distinct_id"], sent)
      }
    })
  )

  it.live("85 to 87: uuids are read in any form, made from the event's time where missing, and refused otherwise", () =>
    Effect.gen(function* () {
      const canonical = "0199a1b2-0000-7000-8000-00000000000a"
      for (const uuid of [
        canonical.toUpperCase(),
        canonical.replaceAll("-", ""),
        `{${canonical}}`,
        `urn:uuid:${canonical}`
      ]) {
        const { message } = yield* sendOne({ uuid })
        assert.deepStrictEqual(
          [message?.value["uuid"], message?.header("uuid"), message?.data["uuid"]],
          [canonical, canonical, canonical]
        )
      }
      for (const uuid of [undefined, "", null]) {
        const { message } = yield* sendOne({ uuid, timestamp: "2024-05-01T10:00:00Z" })
        assert.match(String(message?.value["uuid"]), /^018f3398-c100-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        assert.isNull(message?.data["uuid"])
      }
      const bad = yield* sendOne({ uuid: "nope" })
      assert.strictEqual(bad.status, 400)
    })
  )

  it.live("88, 94: no time and a time that cannot be read mean now", () =>
    Effect.gen(function* () {
      const { message } = yield* sendOne({})
      assert.strictEqual(message?.header("timestamp"), "1767323045678")
      assert.strictEqual(message?.header("now"), "2026-01-02T03:04:05.678Z")
      assert.strictEqual(yield* timeOf({ timestamp: "garbage" }), "2026-01-02T03:04:05.678Z")
    })
  )

  it.live(
    "89, 90, 97: the clock of the client is corrected by the batch's time of sending, unless it asks not to",
    () =>
      Effect.gen(function* () {
        const server = yield* start()
        const event = { event: "ev", distinct_id: "u1", timestamp: "2026-01-02T03:00:00Z" }
        const ignoring = { ...event, properties: { $ignore_sent_at: true } }
        const sent_at = new Date(now + 10_000).toISOString()
        yield* server.send({ path: "/batch", body: { api_key: "phc_test", sent_at, batch: [event, ignoring] } })
        assert.deepStrictEqual(
          server.captured().map(({ value }) => [value["timestamp"], value["sent_at"]]),
          [
            ["2026-01-02T02:59:50.000Z", "2026-01-02T03:04:15.678Z"],
            ["2026-01-02T03:00:00.000Z", "2026-01-02T03:04:15.678Z"]
          ]
        )
        const single = yield* sendOne({ timestamp: "2026-01-02T03:00:00Z", sent_at })
        assert.strictEqual(single.message?.value["timestamp"], "2026-01-02T03:00:00.000Z")
        assert.isUndefined(single.message?.value["sent_at"])
      })
  )

  it.live("91, 92: the query's time of sending corrects, too, but not in seconds", () =>
    Effect.gen(function* () {
      const timestamp = "2026-01-02T03:00:00Z"
      const ms = yield* sendOne({ timestamp }, { path: `/e?_=${now + 10_000}` })
      assert.strictEqual(ms.message?.value["timestamp"], "2026-01-02T02:59:50.000Z")
      assert.strictEqual(ms.message?.value["sent_at"], "2026-01-02T03:04:15.678Z")
      for (const query of ["_=1700000000", "_=x", "_=", "sent_at=-1", "_=999999999999999"]) {
        const other = yield* sendOne({ timestamp }, { path: `/e?${query}` })
        assert.deepStrictEqual(
          [other.message?.value["timestamp"], other.message?.value["sent_at"]],
          ["2026-01-02T03:00:00.000Z", undefined],
          query
        )
      }
    })
  )

  it.live("93, 179, 180: times that are too far off become now, or the epoch", () =>
    Effect.gen(function* () {
      const clock = "2026-01-02T03:04:05.678Z"
      for (const [timestamp, expected] of [
        [new Date(now + 24 * 3_600_000).toISOString(), clock],
        [new Date(now + 22 * 3_600_000).toISOString(), "2026-01-03T01:04:05.678Z"],
        ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00.000Z"],
        ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"],
        ["0000-06-01T00:00:00Z", "1970-01-01T00:00:00.000Z"],
        ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"],
        ["2149-01-01T00:00:00Z", clock],
        ["9999-12-31T23:59:59Z", clock]
      ] as const) {
        assert.strictEqual(yield* timeOf({ timestamp }), expected, timestamp)
      }
    })
  )

  it.live("95: an offset counts back from now, whatever the timestamp says", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* timeOf({ offset: 1000 }), "2026-01-02T03:04:04.678Z")
      assert.strictEqual(yield* timeOf({ offset: 1000, timestamp: "2024-05-01T10:00:00Z" }), "2026-01-02T03:04:04.678Z")
      assert.strictEqual(yield* timeOf({ offset: 1e300 }), "1970-01-01T00:00:00.000Z")
    })
  )

  it.live("96: the formats of times that SDKs send are read", () =>
    Effect.gen(function* () {
      for (const [timestamp, expected] of [
        ["2026-01-02T06:00:00.5+03", "2026-01-02T03:00:00.500Z"],
        ["2024-05-01 10:00:00", "2024-05-01T10:00:00.000Z"],
        ["2024-05-01T10:00:00", "2024-05-01T10:00:00.000Z"],
        ["2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123Z"],
        ["2024-05-01", "2024-05-01T00:00:00.000Z"],
        ["Wed, 01 May 2024 10:00:00 +0000", "2024-05-01T10:00:00.000Z"]
      ] as const) {
        assert.strictEqual(yield* timeOf({ timestamp }), expected, timestamp)
      }
    })
  )

  it.live("98, 99: the address is the leftmost forwarded one, and loopback for internal events", () =>
    Effect.gen(function* () {
      const headers = { "x-forwarded-for": "203.0.113.7, 10.1.1.1" }
      assert.strictEqual((yield* sendOne({}, { headers })).message?.value["ip"], "203.0.113.7")
      const internal = yield* sendOne({ properties: { capture_internal: false } }, { headers })
      assert.strictEqual(internal.message?.value["ip"], "127.0.0.1")
    })
  )

  it.live("100, 101: cookieless events are keyed by their address; the flag must be a boolean", () =>
    Effect.gen(function* () {
      const headers = { "x-forwarded-for": "203.0.113.7" }
      const on = yield* sendOne({ properties: { $cookieless_mode: true } }, { headers })
      assert.deepStrictEqual([on.message?.key, on.message?.value["is_cookieless_mode"]], ["phc_test:203.0.113.7", true])
      const off = yield* sendOne({ properties: { $cookieless_mode: false } }, { headers })
      assert.deepStrictEqual([off.message?.key, off.message?.value["is_cookieless_mode"]], ["phc_test:u1", undefined])
      const wrong = yield* sendOne({ properties: { $cookieless_mode: "yes" } })
      assert.deepStrictEqual([wrong.status, wrong.code], [400, "invalid_cookieless"])
    })
  )
})
