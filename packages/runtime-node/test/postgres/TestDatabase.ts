/** A database of its own for a test file or a test, with all tables, dropped afterwards. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, Redacted } from "effect"
import { Reactivity } from "effect/reactivity"
import { inject } from "vitest"
import * as Database from "../../src/postgres/Database.ts"
import * as Migrations from "../../src/postgres/Migrations.ts"

const urlOf = (database: string): Redacted.Redacted => {
  const url = new URL(inject("postgresUrl"))
  url.pathname = `/${database}`
  return Redacted.make(url.href)
}

const asAdmin = (statement: string) =>
  Effect.flatMap(
    PgClient.make({ url: Redacted.make(inject("postgresUrl")), maxConnections: 1 }),
    (sql) => sql.unsafe(statement).unprepared
  ).pipe(Effect.scoped, Effect.provide(Reactivity.layer), Effect.orDie)

/** The URL of a fresh database without tables; it goes when the scope closes. */
export const fresh = Effect.gen(function* () {
  const name = `tributary_test_${process.pid}_${crypto.randomUUID().replaceAll("-", "")}`
  yield* Effect.acquireRelease(asAdmin(`CREATE DATABASE ${name}`), () => asAdmin(`DROP DATABASE ${name} WITH (FORCE)`))
  return urlOf(name)
})

export const pools = (url: Redacted.Redacted, poolSize = 10) =>
  Database.layer({ databaseUrl: url, personsDatabaseUrl: url, poolSize })

/** Both pools on a fresh database with all tables. */
export const layerOfSize = (poolSize: number) =>
  Layer.unwrap(
    Effect.map(fresh, (url) =>
      Layer.effectDiscard(Effect.andThen(Migrations.projects, Migrations.persons)).pipe(
        Layer.provideMerge(pools(url, poolSize))
      )
    )
  )

export const layer = layerOfSize(10)

/** Pools on the server's own database, for what an administrator does from outside. */
export const admin = Layer.suspend(() => pools(Redacted.make(inject("postgresUrl")), 4))
