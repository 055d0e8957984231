import { assert, describe, it } from "@effect/vitest"
import * as Versions from "@tributary/embedded/data/Versions"
import { Arbitrary, Schema } from "effect"

const ours: Versions.Versions = { layout: 2, postgres: "18.4", clickhouse: "26.7", schema: 5 }

describe("Versions", () => {
  it.prop("a file says what was written", { versions: Arbitrary.schema(Versions.Versions) }, ({ versions }) => {
    assert.deepStrictEqual(Versions.parse(Versions.format(versions)), versions)
  })

  it.prop("whatever else stands in a file is nobody's", { text: Schema.String }, ({ text }) => {
    assert.isUndefined(Versions.parse(text))
  })

  it("the same versions and older ones are no obstacle", () => {
    assert.isUndefined(Versions.obstacle(ours, ours))
    assert.isUndefined(Versions.obstacle({ layout: 1, postgres: "18.3", clickhouse: "25.12.1", schema: 4 }, ours))
  })

  it("names each part that a newer program has written", () => {
    for (const [newer, name] of [
      [{ layout: 3 }, "layout"],
      [{ postgres: "18.10" }, "PostgreSQL"],
      [{ clickhouse: "26.7.1" }, "ClickHouse"],
      [{ schema: 6 }, "schema"]
    ] as const) {
      assert.include(Versions.obstacle({ ...ours, ...newer }, ours), `newer: ${name})`)
    }
  })

  it("refuses another major version of PostgreSQL, older and newer", () => {
    for (const postgres of ["17.9", "19.0"]) {
      assert.include(Versions.obstacle({ ...ours, postgres }, ours), `it holds PostgreSQL ${postgres}`)
    }
  })
})
