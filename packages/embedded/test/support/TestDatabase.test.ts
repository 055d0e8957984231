import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { inject } from "vitest"
import * as TestDatabase from "./TestDatabase.ts"

const databases = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  const rows = yield* sql<{ datname: string }>`SELECT datname FROM pg_database`
  return rows.map(({ datname }) => datname)
}).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(inject("postgresUrl")) })))

describe("TestDatabase", () => {
  for (const [clock, test] of [
    ["virtual", it.effect],
    ["real", it.live]
  ] as const) {
    test(`makes an empty database and drops it with the scope, in ${clock} time`, () =>
      Effect.gen(function* () {
        const name = yield* Effect.scoped(
          Effect.gen(function* () {
            const name = new URL(yield* TestDatabase.make("test_database")).pathname.slice(1)
            assert.include(yield* databases, name)
            return name
          })
        )
        assert.notInclude(yield* databases, name)
      }))
  }
})
