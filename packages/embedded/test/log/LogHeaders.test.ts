import { assert, describe, it } from "@effect/vitest"
import * as LogHeaders from "@tributary/embedded/log/LogHeaders"
import { Arbitrary, Schema } from "effect"

const stored = (headers: Parameters<typeof LogHeaders.encode>[0]) => {
  const text = LogHeaders.encode(headers)
  return text === null ? null : new TextEncoder().encode(text)
}

describe("LogHeaders", () => {
  const Value = Schema.Union([Schema.String, Schema.Null, Schema.Uint8Array])
  const list = Arbitrary.array(Arbitrary.schema(Schema.Tuple([Schema.String, Value])))

  it.prop("every list comes back as it was", { headers: list }, ({ headers }) => {
    assert.deepStrictEqual(LogHeaders.decode(stored(headers)), headers)
  })

  it("an empty list takes no room", () => {
    assert.isNull(LogHeaders.encode([]))
    assert.deepStrictEqual(LogHeaders.decode(null), [])
  })

  it("a text that looks like stored bytes stays a text", () => {
    const headers = [["a", '{"base64":"AA=="}']] as const
    assert.deepStrictEqual(LogHeaders.decode(stored(headers)), headers)
  })
})
