/** Laws of decoding; the cases of spec capture 9.2 are held through the server. */
import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Decode from "@tributary/pipeline/capture/Decode"
import * as Form from "@tributary/pipeline/capture/Form"
import { Refusal } from "@tributary/pipeline/capture/Reply"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import LzString from "lz-string"

interface Packed {
  readonly body: Buffer
  readonly contentType?: string
  readonly contentEncoding?: string
}

const formType = "application/x-www-form-urlencoded"
const base64 = (bytes: Buffer): Buffer => Buffer.from(bytes.toString("base64"))

/** What clients do to a payload, from the inside out. */
const inner = {
  plain: (json: string) => Buffer.from(json),
  base64: (json: string) => base64(Buffer.from(json)),
  "base64 twice": (json: string) => base64(base64(Buffer.from(json))),
  gzip: (json: string) => Zlib.gzipSync(json),
  zstd: (json: string) => Zlib.zstdCompressSync(json),
  "base64 of gzip": (json: string) => base64(Zlib.gzipSync(json)),
  "gzip of base64": (json: string) => Zlib.gzipSync(base64(Buffer.from(json))),
  "lz-string": (json: string) => Buffer.from(LzString.compressToBase64(json))
} satisfies Record<string, (json: string) => Buffer>

const isText = (bytes: Buffer): boolean => !bytes.subarray(0, 4).some((byte) => byte > 0x7e || byte < 0x20)

const outer = {
  body: (bytes: Buffer): Packed => ({ body: bytes }),
  form: (bytes: Buffer): Packed => ({
    body: Buffer.from(
      `ip=1&data=${isText(bytes) ? encodeURIComponent(bytes.toString("utf8")) : encodeURIComponent(bytes.toString("base64"))}&ver=1`
    ),
    contentType: formType
  }),
  "unescaped form under text/plain": (bytes: Buffer): Packed => ({
    body: Buffer.from(`data=${bytes.toString("base64")}`),
    contentType: "text/plain"
  }),
  gzip: (bytes: Buffer): Packed => ({ body: Zlib.gzipSync(bytes), contentEncoding: "gzip" }),
  brotli: (bytes: Buffer): Packed => ({ body: Zlib.brotliCompressSync(bytes), contentEncoding: "br" }),
  deflate: (bytes: Buffer): Packed => ({ body: Zlib.deflateSync(bytes), contentEncoding: "deflate" }),
  "raw deflate": (bytes: Buffer): Packed => ({ body: Zlib.deflateRawSync(bytes), contentEncoding: "deflate" }),
  "wrong label": (bytes: Buffer): Packed => ({ body: bytes, contentEncoding: "br" })
} satisfies Record<string, (bytes: Buffer) => Packed>

const decode = ({ body, contentEncoding, contentType }: Packed, maxBytes: number, query = ""): unknown =>
  Decode.decode({ body, contentType, contentEncoding }, Form.parseQuery(query), maxBytes)

const names = <K extends string>(record: Readonly<Record<K, unknown>>): ReadonlyArray<K> =>
  Object.keys(record) as Array<K>

const Json = Schema.Array(
  Schema.Struct({
    event: Schema.String,
    properties: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Null]))
  })
)

describe("Decode", () => {
  it("gives keys with escapes their own names, whatever was sent before", () => {
    const read = (json: string) => Object.keys(decode({ body: Buffer.from(json) }, 1000) as object)
    read('{"only in this test":1,"\\\\":1}')
    assert.deepStrictEqual(read('{"only in this test":1,"\\n":1}'), ["only in this test", "\n"])
  })

  it.prop(
    "decoding undoes every way in which clients pack their payloads",
    { value: Json, by: Schema.Literals(names(inner)), within: Schema.Literals(names(outer)) },
    ({ by, value, within }) => {
      const json = JSON.stringify(value)
      assert.deepStrictEqual(decode(outer[within](inner[by](json)), 1_000_000), JSON.parse(json))
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "a payload in the query is decoded as in a form",
    { value: Json, by: Schema.Literals(["plain", "base64", "base64 of gzip", "lz-string"]) },
    ({ by, value }) => {
      const json = JSON.stringify(value)
      const query = `ip=1&data=${encodeURIComponent(inner[by](json).toString("utf8"))}`
      assert.deepStrictEqual(decode({ body: Buffer.alloc(0) }, 1_000_000, query), JSON.parse(json))
    }
  )

  it.prop(
    "any bytes under any labels give a value or a refusal",
    {
      bytes: Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
        maxLength: 40
      }),
      head: Schema.Literals(["", "data=", "\x1f\x8b", "\x28\xb5\x2f\xfd", "{", "[", "ip=1&data=%", "ey"]),
      contentType: Schema.Literals([formType, "text/plain"]),
      contentEncoding: Schema.Literals(["gzip", "br", "deflate", "zstd", "lz64", ""])
    },
    ({ bytes, contentEncoding, contentType, head }) => {
      const body = Buffer.concat([Buffer.from(head, "latin1"), Buffer.from(bytes)])
      const result = decode({ body, contentType, contentEncoding }, 10_000)
      if (result instanceof Refusal)
        assert.include(["req_decoding", "req_parsing", "empty_payload", "oversize_event"], result.code)
      else assert.isTrue(JSON.stringify(result) !== undefined)
    },
    { arbitrary: { runs: 1_000 } }
  )

  const bomb = Buffer.from(`[${" ".repeat(200_000)}]`)
  for (const [name, packed] of [
    ["gzip", { body: Zlib.gzipSync(bomb) }],
    ["zstd", { body: Zlib.zstdCompressSync(bomb) }],
    ["brotli", { body: Zlib.brotliCompressSync(bomb), contentEncoding: "br" }],
    ["deflate", { body: Zlib.deflateSync(bomb), contentEncoding: "deflate" }],
    ["gzip in gzip", { body: Zlib.gzipSync(Zlib.gzipSync(bomb)) }],
    ["gzip in base64", { body: base64(Zlib.gzipSync(bomb)) }],
    ["lz-string", { body: Buffer.from(LzString.compressToBase64(bomb.toString())) }]
  ] as const) {
    it(`a bomb of ${name} is cut off at the limit`, () => {
      const result = decode(packed, 100_000)
      assert.isTrue(result instanceof Refusal && result.code === "oversize_event")
      assert.deepStrictEqual(decode(packed, 300_000), [])
    })
  }

  it("the limit holds for all layers together", () => {
    const half = Buffer.from(`[${" ".repeat(600_000)}]`)
    const stored = (bytes: Buffer): Buffer => Zlib.gzipSync(bytes, { level: 0 })
    const result = decode({ body: stored(stored(half)) }, 1_000_000)
    assert.isTrue(result instanceof Refusal && result.code === "oversize_event")
  })

  it("a plain payload counts, too", () => {
    assert.isTrue(decode({ body: Buffer.from('["0123456789"]') }, 10) instanceof Refusal)
  })
})
