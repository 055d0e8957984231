/** Spec capture 9.3: shapes and the keys of events. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { A, json, sendOne, start } from "./support/server.ts"

describe("shapes (spec capture 9.3)", () => {
  it.live("48, 50: a list shares one token, which one event may carry alone, and keeps its order", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const one = { event: "first", distinct_id: "u1", properties: { token: "phc_test" } }
      yield* server.send({ path: "/e", body: [one, { ...one, event: "second" }] })
      yield* server.send({
        path: "/e",
        body: [
          { event: "third", distinct_id: "u1" },
          { ...A, event: "fourth" }
        ]
      })
      assert.deepStrictEqual(
        server.captured().map(({ value }) => [value["event"], value["token"]]),
        ["first", "second", "third", "fourth"].map((event) => [event, "phc_test"])
      )
    })
  )

  it.live("49: two tokens in a list are refused", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const reply = yield* server.send({ path: "/e", body: [A, { ...A, api_key: "other" }] })
      assert.deepStrictEqual([reply.status, json(reply)["code"]], [401, "multiple_tokens"])
      assert.strictEqual(json(reply)["type"], "authentication_error")
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("51: empty lists are refused", () =>
    Effect.gen(function* () {
      const server = yield* start()
      for (const [path, body] of [
        ["/e", []],
        ["/batch", { api_key: "phc_test", batch: [] }]
      ] as const) {
        const reply = yield* server.send({ path, body })
        assert.deepStrictEqual([reply.status, json(reply)["code"]], [400, "empty_batch"])
      }
    })
  )

  it.live("52, 53: the envelope's token, under either name, wins over an event's", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const event = { event: "ev", distinct_id: "u1", token: "t2" }
      yield* server.send({ path: "/batch", body: { api_key: "phc_test", batch: [event] } })
      yield* server.send({ path: "/batch", body: { token: "phc_test", batch: [event] } })
      for (const { data, key, value } of server.captured()) {
        assert.deepStrictEqual([key, value["token"], data["token"]], ["phc_test:u1", "phc_test", "t2"])
      }
      assert.strictEqual(server.captured().length, 2)
    })
  )

  it.live("54: a batch without a token is refused", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const reply = yield* server.send({ path: "/batch", body: { batch: [A] } })
      assert.strictEqual(reply.status, 400)
      assert.include(reply.text, "api_key")
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("55, 56: a nameless event is $identify on /engage and refused elsewhere", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const body = { api_key: "phc_test", distinct_id: "u1", $set: { a: 1 } }
      assert.strictEqual((yield* server.send({ path: "/engage", body })).status, 200)
      assert.strictEqual((yield* server.send({ path: "/engage/", body: { ...body, event: null } })).status, 200)
      const refused = yield* server.send({ path: "/e", body })
      assert.deepStrictEqual([refused.status, json(refused)["code"]], [400, "req_hydration"])
      assert.deepStrictEqual(
        server.captured().map(({ data, value }) => [value["event"], data["event"], data["$set"]]),
        [1, 2].map(() => ["$identify", "$identify", { a: 1 }])
      )
    })
  )

  it.live("57, 58: one event without a name spoils the whole request, which says which one", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const missing = yield* server.send({ path: "/e", body: [A, { api_key: "phc_test", distinct_id: "u1" }] })
      assert.strictEqual(missing.status, 400)
      assert.include(String(json(missing)["detail"]), "Event 1")
      const empty = yield* server.send({
        path: "/batch",
        body: { api_key: "phc_test", batch: [A, { ...A, event: "" }] }
      })
      assert.deepStrictEqual([empty.status, json(empty)["code"]], [400, "no_event_name"])
      assert.include(String(json(empty)["detail"]), "Event 1")
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("59, 60: $performance_event is taken out before the token is looked at", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const performance = { event: "$performance_event", distinct_id: "u1" }
      const alone = yield* server.send({ path: "/e?beacon=1", body: performance })
      assert.deepStrictEqual([alone.status, alone.text], [200, '{"status":"Ok"}'])
      yield* server.send({ path: "/batch", body: { api_key: "phc_test", batch: [performance, A] } })
      assert.deepStrictEqual(
        server.captured().map(({ value }) => value["event"]),
        ["ev"]
      )
    })
  )

  it.live("58, 60: a refusal counts the events as they were sent, those that were taken out included", () =>
    Effect.gen(function* () {
      const server = yield* start({ capture: { maxEventBytes: 2_000 } })
      const performance = { event: "$performance_event", distinct_id: "u1" }
      for (const bad of [
        { ...A, distinct_id: "" },
        { ...A, properties: { x: "x".repeat(2_000) } }
      ]) {
        const batch = [A, performance, A, performance, bad]
        const reply = yield* server.send({ path: "/batch", body: { api_key: "phc_test", batch } })
        assert.include(String(json(reply)["detail"]), "Event 4")
      }
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("61: keys that are not known are lost, whatever their names", () =>
    Effect.gen(function* () {
      const extra = '"type":"capture","library":"x","context":{},"messageId":"m","__proto__":{"a":1},"constructor":1,'
      const server = yield* start()
      const reply = yield* server.send({ path: "/e", body: `{${extra}${JSON.stringify(A).slice(1)}` })
      assert.strictEqual(reply.status, 200)
      const [message] = server.captured()
      assert.deepStrictEqual(Object.keys(message?.data ?? {}), ["token", "distinct_id", "uuid", "event", "properties"])
    })
  )

  it.live("62, 63: null properties, a numeric timestamp, and both names of the token are taken", () =>
    Effect.gen(function* () {
      const nothing = yield* sendOne({ properties: null })
      assert.deepStrictEqual(nothing.message?.data["properties"], {})
      assert.strictEqual(
        (yield* sendOne({ timestamp: 1700000000 })).message?.value["timestamp"],
        "2023-11-14T22:13:20.000Z"
      )
      const both = yield* sendOne({ token: "phc_test" })
      assert.strictEqual(both.message?.key, "phc_test:u1")
    })
  )

  it.live("what has the wrong type is left out, save properties, names and uuids", () =>
    Effect.gen(function* () {
      const { message } = yield* sendOne({ $set: 1, $set_once: [1], offset: "x", timestamp: {}, token: 7 })
      assert.deepStrictEqual(message?.data, {
        token: "phc_test",
        distinct_id: "u1",
        uuid: null,
        event: "ev",
        properties: {}
      })
      for (const fields of [{ properties: [] }, { properties: "x" }, { event: 7 }, { uuid: 7 }]) {
        const { code, status } = yield* sendOne(fields)
        assert.deepStrictEqual([status, code], [400, "req_parsing"])
      }
    })
  )

  it.live("64, 65: text survives as it is, and a lone surrogate becomes U+FFFD", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const properties = String.raw`{"a":"\u00fc\u2603\ud83d\ude00 \"q\" \\ \/ \n\u0000","n":{"deep":[{"x":"\\ud83d"}]},"__proto__":{"b":1},"x\ud83dy":"\ude00"}`
      const reply = yield* server.send({
        path: "/e",
        body: `{"properties":${properties},${JSON.stringify(A).slice(1)}`
      })
      assert.strictEqual(reply.status, 200)
      const [message] = server.captured()
      assert.deepStrictEqual(
        message?.data["properties"],
        JSON.parse(properties.replace(String.raw`x\ud83dy`, "x\uFFFDy").replace(String.raw`:"\ude00"`, ':"\uFFFD"'))
      )
    })
  )

  it.live("181: $unset stays as it was sent, unless it is neither a list nor an object", () =>
    Effect.gen(function* () {
      for (const [sent, kept] of [
        [["a"], ["a"]],
        [{ a: 1 }, { a: 1 }],
        [null, undefined],
        ["a", undefined]
      ]) {
        const { message, status } = yield* sendOne({ $unset: sent })
        assert.strictEqual(status, 200)
        assert.deepStrictEqual(message?.data["$unset"], kept)
      }
    })
  )
})
