import { assert, describe, it } from "@effect/vitest"
import { Arbitrary } from "effect"
import * as Schema from "effect/Schema"
import * as Insert from "../../../src/clickhouse/front/Insert.ts"
import type { Request } from "../../../src/clickhouse/front/Request.ts"

const request = (query: string, body: string | Uint8Array = ""): Request => ({
  ...{ query, body: typeof body === "string" ? Buffer.from(body) : body },
  ...{ database: undefined, format: "TabSeparated", queryId: undefined, packing: undefined },
  ...{ parameters: new Map(), settings: new Map() }
})

const rowsOf = (query: string, body?: string | Uint8Array) =>
  Buffer.from(Insert.recognise(request(query, body))?.rows ?? []).toString()

const bytes = Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))), {
  maxLength: 40
})

describe("an insert with its data", () => {
  it.prop(
    "keeps every byte of the data, whether the statement stands in the URL or before them",
    { bytes },
    (given) => {
      const data = Uint8Array.from(given.bytes)
      const statement = "INSERT INTO t FORMAT JSONEachRow"
      const inUrl = Insert.recognise(request(statement, data))
      assert.deepStrictEqual(Buffer.from(inUrl?.rows ?? []), Buffer.from(data))
      const before = Insert.recognise(request("", Buffer.concat([Buffer.from(`${statement}\n`), data])))
      assert.deepStrictEqual(Buffer.from(before?.rows ?? []), Buffer.from(data))
    }
  )

  it("is taken apart", () => {
    const found = Insert.recognise(
      request("  insert  into `d` . \"t\"(a, `b`)\n settings x = 'it\\'s, FORMAT CSV', y=1.5 Format CSV\r\n", "1,2\n")
    )
    assert.deepStrictEqual(
      { ...found, rows: String(found?.rows) },
      {
        ...{ database: "d", table: "t", columns: ["a", "b"], format: "CSV", rows: "1,2\n" },
        settings: new Map([
          ["x", "it's, FORMAT CSV"],
          ["y", "1.5"]
        ])
      }
    )
  })

  it("may begin with data behind the statement", () => {
    assert.strictEqual(rowsOf('INSERT INTO t FORMAT JSONEachRow {"a":1}', '{"a":2}'), '{"a":1}\n{"a":2}')
    assert.strictEqual(rowsOf("", 'INSERT INTO t FORMAT JSONEachRow {"a":1}'), '{"a":1}')
  })

  for (const other of [
    "SELECT 1 FORMAT JSONEachRow",
    "INSERT INTO t VALUES (1)",
    "INSERT INTO t FORMAT Values (1)",
    "INSERT INTO t SELECT 1 FORMAT JSONEachRow",
    "INSERT INTO FUNCTION file('x') FORMAT CSV",
    "-- INSERT INTO t FORMAT CSV\nSELECT 1",
    ""
  ]) {
    it(`is not ${other === "" ? "nothing" : other}`, () => {
      assert.strictEqual(Insert.recognise(request(other)), undefined)
      assert.strictEqual(Insert.recognise(request("", other)), undefined)
    })
  }
})
