import { assert, describe, it } from "@effect/vitest"
import * as Statement from "../../src/clickhouse/Statement.ts"

describe("a statement", () => {
  it("ends with a semicolon at the end of a line, outside of comments", () => {
    assert.deepStrictEqual(Statement.split("-- a;\nCREATE A ';' x;\n\n-- b\nCREATE B;"), ["CREATE A ';' x", "CREATE B"])
  })

  it("is told by its verb, what it makes and the name", () => {
    assert.deepStrictEqual(Statement.create("CREATE OR REPLACE VIEW d.v AS SELECT 1"), {
      ...{ verb: "CREATE OR REPLACE VIEW", kind: "VIEW", name: "v", rest: " AS SELECT 1" }
    })
    assert.deepStrictEqual(Statement.create("CREATE DATABASE IF NOT EXISTS d"), {
      ...{ verb: "CREATE DATABASE IF NOT EXISTS", kind: "DATABASE", name: "d", rest: "" }
    })
    assert.throws(() => Statement.create("DROP TABLE d.t"), /not a statement of the schema/)
  })

  it("divides a table into columns and engine, whatever stands in parentheses and quotes", () => {
    const { definitions, engine } = Statement.table(
      " (\n  a Map(String, Int8),\n  `b,` String MATERIALIZED f('(,\\'', a),\n  c Enum8('x' = 1, 'y' = 2)\n) ENGINE = M(a)\nORDER BY a"
    )
    assert.deepStrictEqual(definitions, [
      "a Map(String, Int8)",
      "`b,` String MATERIALIZED f('(,\\'', a)",
      "c Enum8('x' = 1, 'y' = 2)"
    ])
    assert.strictEqual(engine, "ENGINE = M(a)\nORDER BY a")
  })

  it("escapes what would end a literal", () => {
    assert.strictEqual(Statement.escaped("it's \\"), "it\\'s \\\\")
  })
})
