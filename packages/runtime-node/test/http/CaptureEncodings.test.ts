/** Spec capture 9.2: encodings and limits. */
import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import LzString from "lz-string"
import { A, json, type Sent, start } from "./support/server.ts"

const text = JSON.stringify(A)
const gz = Zlib.gzipSync(text)
const base64 = Buffer.from(text).toString("base64")
const lz = LzString.compressToBase64(text)
const batch = JSON.stringify({ api_key: "phc_test", batch: [{ event: "ev", distinct_id: "u1" }] })
const formType = { "content-type": "application/x-www-form-urlencoded" }
const plainType = { "content-type": "text/plain" }

const taken: ReadonlyArray<readonly [string, Sent]> = [
  [
    "22: gzip under text/plain with the hint gzip-js",
    { path: "/e/?compression=gzip-js", headers: plainType, body: gz }
  ],
  ["23: gzip without any hint", { path: "/i/v0/e", body: gz }],
  [
    "24: gzip by Content-Encoding",
    { path: "/batch", headers: { "content-encoding": "gzip" }, body: Zlib.gzipSync(batch) }
  ],
  ["25: gzip with the hint in capitals", { path: "/e/?compression=GZIP", body: gz }],
  ["26: gzip that is called lz64", { path: "/e/?compression=lz64", body: gz }],
  ["27: lz-string", { path: "/e/?compression=lz64", body: lz }],
  [
    "28: lz-string in a form, with spaces for its plus signs",
    { path: "/e/", headers: formType, body: `data=${lz.replaceAll("+", " ")}&compression=lz64` }
  ],
  [
    "28: lz-string in a form that does not say so",
    { path: "/e/", headers: formType, body: `data=${encodeURIComponent(lz)}` }
  ],
  ["29: base64 in a form", { path: "/e/", headers: formType, body: `data=${encodeURIComponent(base64)}` }],
  [
    "30: base64 in a form on /i/v0/e",
    { path: "/i/v0/e", headers: formType, body: `data=${encodeURIComponent(base64)}` }
  ],
  ["31: percent-encoded JSON in a form", { path: "/e/", headers: formType, body: `data=${encodeURIComponent(text)}` }],
  [
    "32: a form with another field first",
    { path: "/e/", headers: formType, body: `ver=1&data=${encodeURIComponent(text)}` }
  ],
  ["32: a form with unescaped JSON", { path: "/e/", headers: formType, body: `ver=1&data=${text}` }],
  [
    "34: a form whose type has a character set and capitals",
    {
      path: "/e/",
      headers: { "content-type": "Application/X-WWW-Form-Urlencoded; charset=UTF-8" },
      body: `data=${encodeURIComponent(base64)}`
    }
  ],
  ["35: base64 as the body", { path: "/e/", headers: plainType, body: base64 }],
  ["36: JSON without a content type", { path: "/i/v0/e", body: text }],
  ["37: JSON that is called gzip", { path: "/e/?compression=gzip", body: text }],
  ["37: JSON under Content-Encoding: gzip", { path: "/e/", headers: { "content-encoding": "gzip" }, body: text }],
  ["40: brotli", { path: "/e/", headers: { "content-encoding": "br" }, body: Zlib.brotliCompressSync(text) }],
  ["40: zstd", { path: "/e/", headers: { "content-encoding": "zstd" }, body: Zlib.zstdCompressSync(text) }],
  ["40: zlib", { path: "/e/", headers: { "content-encoding": "Deflate" }, body: Zlib.deflateSync(text) }],
  ["40: raw deflate", { path: "/e/", headers: { "content-encoding": "deflate" }, body: Zlib.deflateRawSync(text) }],
  ["40: JSON that is called brotli", { path: "/e/", headers: { "content-encoding": "br" }, body: text }],
  ["40: JSON that is called deflate", { path: "/e/", headers: { "content-encoding": "deflate" }, body: text }],
  ["176: a form under text/plain", { path: "/e/", headers: plainType, body: `data=${base64}` }],
  [
    "gzip under its header and its parameter for one layer",
    { path: "/batch/?compression=gzip", headers: { "content-encoding": "gzip" }, body: gz }
  ],
  [
    "base64 of gzip in a form",
    { path: "/e/", headers: formType, body: `data=${encodeURIComponent(gz.toString("base64"))}` }
  ],
  ["base64 of base64", { path: "/e/", body: Buffer.from(base64).toString("base64") }],
  ["JSON after a byte-order mark and white space", { path: "/e/", body: `\uFEFF \r\n\t${text}\n` }]
]

const refused: ReadonlyArray<readonly [string, string, Sent]> = [
  ["33: JSON under a form's type", "req_decoding", { path: "/e/", headers: formType, body: text }],
  ["38: cut gzip", "req_decoding", { path: "/e/", body: gz.subarray(0, 40) }],
  [
    "39: gzip of bytes that are not UTF-8",
    "req_decoding",
    { path: "/e/", body: Zlib.gzipSync(Buffer.from([0x7b, 0xff, 0xfe])) }
  ],
  ["41: eight bytes of text", "req_parsing", { path: "/e/", body: "not json" }],
  ["JSON that breaks off", "req_parsing", { path: "/e/", body: '{"event":"ev"' }],
  ["a JSON string", "req_parsing", { path: "/batch/", body: '"text"' }],
  ["a JSON number", "req_parsing", { path: "/batch/", body: "17" }],
  ["JSON null", "req_parsing", { path: "/batch/", body: "null" }],
  ["a list of numbers", "req_parsing", { path: "/batch/", body: [1] }],
  ["a form without data", "req_parsing", { path: "/e/", headers: formType, body: "ip=1&ver=2" }],
  [
    "cut brotli",
    "req_decoding",
    { path: "/e/", headers: { "content-encoding": "br" }, body: Zlib.brotliCompressSync(text).subarray(0, 20) }
  ],
  ["cut zstd", "req_decoding", { path: "/e/", body: Zlib.zstdCompressSync(text).subarray(0, 20) }],
  ["bytes of no kind", "req_decoding", { path: "/e/", body: Buffer.from([1, 2, 0xff, 0xfe]) }],
  ["an empty body", "empty_payload", { path: "/e/", body: "" }]
]

describe("encodings (spec capture 9.2)", () => {
  for (const [name, sent] of taken) {
    it.live(`${name}: taken`, () =>
      Effect.gen(function* () {
        const server = yield* start()
        const reply = yield* server.send(sent)
        assert.deepStrictEqual([reply.status, reply.text], [200, '{"status":"Ok"}'])
        assert.deepStrictEqual(
          server.captured().map(({ key, value }) => [key, value["event"]]),
          [["phc_test:u1", "ev"]]
        )
      })
    )
  }

  for (const [name, code, sent] of refused) {
    it.live(`${name}: refused`, () =>
      Effect.gen(function* () {
        const server = yield* start()
        const reply = yield* server.send(sent)
        assert.deepStrictEqual([reply.status, json(reply)["code"]], [400, code])
        const { detail, error, type } = json(reply)
        assert.strictEqual(type, "validation_error")
        assert.isString(detail)
        assert.strictEqual(error, detail)
        assert.strictEqual(server.captured().length, 0)
      })
    )
  }

  it.live("177: a surrogate pair that was coded half by half becomes the character", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const [before = "", after = ""] = JSON.stringify({ ...A, properties: { t: "ü|ÿ" } }).split("|")
      const pizza = Buffer.from([0xed, 0xa0, 0xbc, 0xed, 0xbd, 0x95])
      const half = Buffer.from([0xed, 0xa0, 0xbc])
      const body = Buffer.concat([Buffer.from(before), pizza, pizza, half, Buffer.from(after)])
      const form = yield* server.send({
        path: "/e/",
        headers: formType,
        body: `data=${encodeURIComponent(body.toString("base64"))}`
      })
      const escaped = yield* server.send({
        path: "/e/",
        headers: formType,
        body: `data=${Array.from(body, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`
      })
      assert.deepStrictEqual([form.status, escaped.status], [200, 200])
      for (const { data } of server.captured()) assert.deepStrictEqual(data["properties"], { t: "ü🍕🍕\uFFFDÿ" })
    })
  )
})

describe("limits (spec capture 9.2)", () => {
  it.live("42: a body of more than 20 MiB is refused, and its connection serves on", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const reply = yield* server.send({
        path: "/batch",
        body: { ...A, properties: { x: "x".repeat(20 * 1024 * 1024 + 1024) } }
      })
      assert.deepStrictEqual([reply.status, json(reply)["code"]], [413, "oversize_event"])
      assert.include(reply.text, "20971520")
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("43: gzip that expands beyond 100 MiB is refused", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const bomb = Zlib.gzipSync(Buffer.alloc(101 * 1024 * 1024, 0x20), { level: 1 })
      const reply = yield* server.send({ path: "/batch", body: bomb })
      assert.deepStrictEqual([reply.status, json(reply)["code"]], [413, "oversize_event"])
      assert.include(reply.text, String(100 * 1024 * 1024))
    })
  )

  it.live("44: a large event is taken where the limit is raised", () =>
    Effect.gen(function* () {
      const server = yield* start({ capture: { maxEventBytes: 8_000_000 } })
      const reply = yield* server.send({ path: "/e", body: { ...A, properties: { x: "x".repeat(4 * 1024 * 1024) } } })
      assert.strictEqual(reply.status, 200)
      assert.strictEqual(server.captured().length, 1)
    })
  )

  it.live("45, 46: one event above the limit refuses the request, with its index, size and limit", () =>
    Effect.gen(function* () {
      const server = yield* start()
      const large = { ...A, properties: { x: "x".repeat(1_000_000) } }
      const one = yield* server.send({ path: "/e", body: large })
      assert.strictEqual(one.status, 413)
      assert.match(
        String(json(one)["detail"]),
        /Event 0 makes a message of 1000\d{3} bytes; the limit is 1000000 bytes/
      )
      const second = yield* server.send({ path: "/batch", body: { api_key: "phc_test", batch: [A, large] } })
      assert.strictEqual(second.status, 413)
      assert.match(String(json(second)["detail"]), /Event 1 /)
      assert.strictEqual(server.captured().length, 0)
    })
  )

  it.live("45: the limit counts the message's bytes, key and headers included", () =>
    Effect.gen(function* () {
      const server = yield* start({ capture: { maxEventBytes: 2_000 } })
      const of = (length: number) => ({
        ...A,
        uuid: "0199a1b2-0000-7000-8000-000000000001",
        properties: { x: "€".repeat(length) }
      })
      let taken = 0
      for (let length = 400; length < 600; length++) {
        const reply = yield* server.send({ path: "/e", body: of(length) })
        if (reply.status === 413) break
        taken = length
      }
      const [message] = server.captured().slice(-1)
      const headers = (message?.headers ?? []).reduce(
        (sum, [name, value]) => sum + name.length + (value?.length ?? 0),
        0
      )
      const size = Buffer.byteLength(JSON.stringify(message?.value)) + (message?.key?.length ?? 0) + headers
      assert.isAtLeast(taken, 400)
      assert.isAtMost(size, 2_000)
      assert.isAbove(size, 2_000 - 3 - 1)
    })
  )
})
