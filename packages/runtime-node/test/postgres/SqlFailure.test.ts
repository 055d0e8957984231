import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlError } from "effect/sql"
import { ProjectsDatabase } from "../../src/postgres/Database.ts"
import * as SqlFailure from "../../src/postgres/SqlFailure.ts"
import * as TestDatabase from "./TestDatabase.ts"

layer(TestDatabase.layer, { excludeTestServices: true })("SqlFailure", (it) => {
  const raised = (state: string) =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const raise = sql.unsafe(`DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '${state}'; END $$`)
      const error = yield* Effect.flip(SqlFailure.typed(sql.withTransaction(raise)))
      assert.strictEqual(SqlFailure.sqlState(error), state)
      return SqlFailure.classify(error)
    })

  for (const [meaning, states] of [
    ["conflict", ["23505", "23503"]],
    ["crowded", ["40P01", "40001", "57014"]],
    ["held", ["55P03"]],
    [
      "away",
      ["57P01", "57P02", "57P03", "53300", "53100", "25P03", "25006", "08006", "28P01", "3D000", "55000", "58030"]
    ],
    ["refused", ["22021", "22P05", "22P02", "22001", "23514", "42P01", "54000", "XX000"]]
  ] as const) {
    it.effect(`${states.join(", ")} mean: ${meaning}`, () =>
      Effect.gen(function* () {
        for (const state of states) assert.strictEqual(yield* raised(state), meaning, state)
      })
    )
  }

  it.effect("a statement over its time is crowded", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const slow = Effect.andThen(sql`SET LOCAL statement_timeout = '10ms'`, sql`SELECT pg_sleep(10)`)
      assert.strictEqual(SqlFailure.classify(yield* Effect.flip(sql.withTransaction(slow))), "crowded")
    })
  )

  it.effect("a session that ends between two statements is a failure, not a defect", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const transaction = sql.withTransaction(
        Effect.gen(function* () {
          const [row] = yield* sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`
          yield* Effect.provide(kill(row!.pid), TestDatabase.admin)
          yield* sql`SELECT 1`
        })
      )
      const error = yield* Effect.flip(SqlFailure.typed(transaction))
      assert.isTrue(SqlError.isSqlError(error))
      assert.strictEqual(SqlFailure.classify(error), "away")
    })
  )

  it.effect("a parameter that cannot be encoded is refused", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const error = yield* Effect.flip(sql.unsafe("SELECT $1::int[]", [[1, 1.5]]))
      assert.strictEqual(SqlFailure.classify(error), "refused")
    })
  )
})

const kill = (pid: number) => Effect.flatMap(ProjectsDatabase, (sql) => sql`SELECT pg_terminate_backend(${pid}, 5000)`)
