/** A database of its own for a test file or a test, with all tables, dropped afterwards. */
import { Effect, Layer, Redacted } from "effect"
import { inject } from "vitest"
import * as EmptyDatabase from "../../../embedded/test/support/TestDatabase.ts"
import * as Database from "../../src/postgres/Database.ts"
import * as Migrations from "../../src/postgres/Migrations.ts"

/** The URL of a fresh database without tables; it goes when the scope closes. */
export const fresh = Effect.map(EmptyDatabase.make("runtime_node"), (url) => Redacted.make(url))

export const pools = (url: Redacted.Redacted, poolSize = 10) =>
  Layer.orDie(Database.layer({ databaseUrl: url, personsDatabaseUrl: url, poolSize }))

/** Both pools on a fresh database with all tables. */
export const layer = Layer.unwrap(
  Effect.map(fresh, (url) =>
    Layer.effectDiscard(Effect.andThen(Migrations.projects, Migrations.persons)).pipe(Layer.provideMerge(pools(url)))
  )
)

/** Pools on the server's own database, for what an administrator does from outside. */
export const admin = Layer.suspend(() => pools(Redacted.make(inject("postgresUrl")), 4))
