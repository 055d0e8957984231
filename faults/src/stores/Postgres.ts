/** A look into PostgreSQL, on a connection of its own: those of before may have died with the server. */
import * as Pool from "@tributary/runtime-node/postgres/Pool"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Reactivity from "effect/reactivity/Reactivity"
import { AssemblyError } from "../Assembly.ts"

export type Row = Readonly<Record<string, unknown>>

/** The rows of each statement, all of one snapshot. */
export const read = (
  url: string,
  statements: ReadonlyArray<string>,
  parameters: ReadonlyArray<unknown> = []
): Effect.Effect<ReadonlyArray<ReadonlyArray<Row>>, AssemblyError> =>
  Effect.gen(function* () {
    const sql = yield* Pool.make({
      url: Redacted.make(url),
      setting: "DATABASE_URL",
      maxConnections: 1,
      applicationName: "tributary faults",
      startupParameters: { default_transaction_isolation: "repeatable read" }
    })
    return yield* sql.withTransaction(
      Effect.forEach(statements, (statement) => sql.unsafe<Row>(statement, [...parameters]))
    )
  }).pipe(
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    Effect.mapError(({ message }) => new AssemblyError({ reason: `PostgreSQL cannot be read: ${message}` }))
  )
