/** One step of a schema: statements that run in order, in the transaction that also notes them as done. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"

export type Migration = Effect.Effect<void, SqlError, SqlClient.SqlClient>

export const statements = (texts: ReadonlyArray<string>): Migration =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.forEach(texts, (text) => sql.unsafe(text).unprepared, { discard: true })
  )
