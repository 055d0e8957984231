import { assert, describe, it } from "@effect/vitest"
import * as Form from "@tributary/pipeline/capture/Form"
import * as Schema from "effect/Schema"

describe("Form", () => {
  it.prop("a value is read back as it was escaped", { text: Schema.String }, ({ text }) => {
    const sent = text.toWellFormed()
    const escaped = new URLSearchParams({ before: "1", data: sent, after: "2" }).toString()
    assert.strictEqual(Form.percentDecode(Form.field(escaped, "data") ?? "").toString("utf8"), sent)
  })

  it("a percent sign that begins no escape stands for itself", () => {
    assert.strictEqual(Form.percentDecode("100%&%4%zz%41%").toString(), "100%&%4%zzA%")
  })

  it("the first field of a name counts, whole names only", () => {
    assert.strictEqual(Form.field("xdata=1&data=2&data=3", "data"), "2")
    assert.strictEqual(Form.field("data", "data"), "")
    assert.strictEqual(Form.field("data&x=1", "data"), "")
    assert.isUndefined(Form.field("database=1", "data"))
    assert.isUndefined(Form.field("", "data"))
  })

  it("queries with nothing to say say nothing", () => {
    const nothing = { data: undefined, sentAt: undefined, isBeacon: false }
    for (const query of ["", "&", "=", "data=", "_=abc", "beacon=2"])
      assert.deepStrictEqual(Form.parseQuery(query), nothing)
  })
})
