/** Databases for tests, on the server that globalPostgres.ts starts. */
import { randomBytes } from "node:crypto"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Clock, Effect, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { inject } from "vitest"

/**
 * The URL of a fresh, empty database, which is dropped, with whoever is still connected, when the scope closes. `name`
 * (small letters, digits, `_`) begins its name. Works under virtual time.
 */
export const make = (name: string) =>
  Effect.gen(function* () {
    const server = inject("postgresUrl")
    const database = `${name}_${randomBytes(6).toString("hex")}`
    yield* Effect.acquireRelease(run(server, `CREATE DATABASE ${database}`), () =>
      run(server, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
    )
    const url = new URL(server)
    url.pathname = `/${database}`
    return url.href
  })

const run = (server: string, statement: string) =>
  PgClient.makeClient({ url: Redacted.make(server) }).pipe(
    Effect.flatMap((sql) => sql.unsafe(statement)),
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    Effect.provideService(Clock.Clock, Clock.Clock.defaultValue()),
    Effect.orDie
  )
