import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ProjectsDatabase } from "../../src/postgres/Database.ts"
import * as TestDatabase from "./TestDatabase.ts"

describe("JSON columns", () => {
  it.effect("keep the names of keys with escapes, whatever was read before, as values and in lists", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const value = { ["only in columns"]: 1, ["only in columns, too\n"]: [{}, "\n", null] }
      const before: unknown = JSON.parse('{"only in columns":1,"only in columns, too\\\\":1}')
      const [row] = yield* sql`SELECT x AS b, x::json AS j, ARRAY[x, NULL] AS bs, ARRAY[x::json] AS js
        FROM (SELECT ${sql.json(value)}::jsonb AS x) AS t`
      assert.deepStrictEqual(row, { b: value, j: value, bs: [value, null], js: [value] }, JSON.stringify(before))
    }).pipe(Effect.provide(TestDatabase.admin))
  )
})
