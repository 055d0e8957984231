/** Anything at all may be sent: it is answered as spec capture 1.5 says, and the next client never notices. */
import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { A, json, start } from "./support/server.ts"

const path = Schema.Literals(["/e", "/e/", "/batch", "/engage", "/i/v0/e", "/capture/", "/track", "/i/v0/ai/batch"])
const query = Schema.Literals([
  "",
  "?beacon=1",
  "?_=1767323045678",
  "?data=%",
  "?data=ey",
  "?data=%7B%7D",
  "?compression=lz64",
  "?&&=="
])
const contentType = Schema.Literals([
  "application/json",
  "application/x-www-form-urlencoded",
  "text/plain",
  "multipart/form-data",
  ""
])
const contentEncoding = Schema.Literals(["", "gzip", "br", "deflate", "zstd", "lz64", "identity"])
const bytes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
  maxLength: 60
})

/** Values in the places where events have theirs. */
const leaf = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Null])
const value = Schema.Union([leaf, Schema.Array(leaf), Schema.Record(Schema.String, leaf)])
const names =
  "event distinct_id $distinct_id properties timestamp offset uuid token api_key $token $set $set_once $unset batch sent_at historical_migration __proto__ constructor toString"
const field = Schema.Literals(names.split(" "))
const fields = Arbitrary.array(Arbitrary.schema(Schema.Tuple([field, value])), { maxLength: 6 })

const codes = new Map<number, ReadonlyArray<string>>([
  [
    400,
    [
      "req_decoding",
      "req_parsing",
      "req_hydration",
      "empty_payload",
      "empty_batch",
      "no_event_name",
      "no_distinct_id",
      "invalid_cookieless"
    ]
  ],
  [401, ["no_token", "multiple_tokens", "invalid_token"]],
  [413, ["oversize_event"]]
])

const assertAnswered = (reply: { readonly status: number; readonly text: string; readonly headers: object }): void => {
  if (reply.status === 204) assert.strictEqual(reply.text, "")
  else if (reply.status === 200) assert.strictEqual(JSON.parse(reply.text).status, "Ok")
  else {
    const body = json({ ...reply, headers: {} })
    assert.include(codes.get(reply.status) ?? [], String(body["code"]))
    assert.isAbove(String(body["detail"]).length, 0)
    assert.strictEqual(body["error"], body["detail"])
  }
}

describe("any input", () => {
  it.live.prop(
    "any bytes under any labels are answered",
    { path, query, contentType, contentEncoding, bytes, isGzip: Schema.Boolean },
    ({ bytes, contentEncoding, contentType, isGzip, path, query }) =>
      Effect.scoped(
        Effect.gen(function* () {
          const server = yield* start()
          const body = isGzip ? Zlib.gzipSync(Buffer.from(bytes)) : Buffer.from(bytes)
          const headers = {
            ...(contentType === "" ? {} : { "content-type": contentType }),
            ...(contentEncoding === "" ? {} : { "content-encoding": contentEncoding })
          }
          assertAnswered(yield* server.send({ path: path + query, headers, body }))
          assert.strictEqual((yield* server.send({ path: "/e", body: A })).status, 200)
        })
      ),
    { arbitrary: { runs: 200 } }
  )

  it.live.prop(
    "any JSON in the places of an event's fields is answered, and what is taken can be read back",
    { path, fields, more: fields, shape: Schema.Literals(["one", "list", "batch"]) },
    ({ fields, more, path, shape }) =>
      Effect.scoped(
        Effect.gen(function* () {
          const server = yield* start({ capture: { historicalAfterDays: 1 } })
          const one = { ...A, ...Object.fromEntries(fields) }
          const two = { ...A, ...Object.fromEntries(more) }
          const body = shape === "one" ? one : shape === "list" ? [one, two] : { ...two, batch: [one, A] }
          const reply = yield* server.send({ path, body })
          assertAnswered(reply)
          const messages = server.captured()
          if (reply.status !== 200) assert.strictEqual(messages.length, 0)
          for (const { data, header, key, value } of messages) {
            assert.strictEqual(key, `${value["token"]}:${value["distinct_id"]}`)
            assert.deepStrictEqual(
              [header("uuid"), header("event"), header("distinct_id"), header("token")],
              [value["uuid"], value["event"], value["distinct_id"], value["token"]]
            )
            assert.match(String(value["uuid"]), /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
            assert.strictEqual(header("timestamp"), String(Date.parse(String(value["timestamp"]))))
            assert.isTrue(JSON.stringify(data["properties"]).isWellFormed())
          }
        })
      ),
    { arbitrary: { runs: 300 } }
  )
})
