import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { PersonsDatabase, ProjectsDatabase } from "../../src/postgres/Database.ts"
import * as Migrations from "../../src/postgres/Migrations.ts"
import * as TestDatabase from "./TestDatabase.ts"

const both = Effect.andThen(Migrations.projects, Migrations.persons)

describe("Migrations", () => {
  it.live("make every table that the interface names, both sets in one database", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      yield* Effect.gen(function* () {
        yield* both
        const sql = yield* ProjectsDatabase
        const rows = yield* sql<{ name: string }>`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`
        const there = new Set(rows.map((row) => row.name))
        for (const name of [
          "posthog_team",
          "posthog_hogfunction",
          "tributary_limit",
          "tributary_cookieless",
          "posthog_person",
          "posthog_persondistinctid",
          "posthog_group",
          "posthog_grouptypemapping",
          "posthog_cohortpeople",
          "posthog_featureflaghashkeyoverride",
          "tributary_progress",
          "tributary_refused",
          "tributary_outbox",
          "tributary_deleted"
        ]) {
          assert.isTrue(there.has(name), name)
        }
      }).pipe(Effect.provide(TestDatabase.pools(url)))
    })
  )

  it.live("run once, however many programs start at once", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      const program = Effect.provide(both, TestDatabase.pools(url))
      yield* Effect.all(
        Array.from({ length: 4 }, () => program),
        { concurrency: "unbounded" }
      )
      yield* Effect.gen(function* () {
        const sql = yield* PersonsDatabase
        yield* sql`INSERT INTO posthog_person (team_id, uuid, created_at) VALUES (1, gen_random_uuid(), now())`
        yield* both
        assert.strictEqual((yield* sql`SELECT FROM posthog_person`).length, 1)
      }).pipe(Effect.provide(TestDatabase.pools(url)))
    })
  )

  it.live("leave a database alone that a newer program has made, and say so in one line", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      yield* Effect.gen(function* () {
        yield* both
        const sql = yield* PersonsDatabase
        yield* sql`INSERT INTO tributary_persons_migrations (migration_id, name) VALUES (9999, 'of_the_future')`
        yield* Migrations.projects
        const error = yield* Effect.flip(Migrations.persons)
        assert.strictEqual(error._tag, "SchemaTooNew")
        assert.match(
          error.message,
          /^the tables of persons are at version 9999, this program knows \d+: start a newer one$/
        )
      }).pipe(Effect.provide(TestDatabase.pools(url)))
    })
  )

  it.live("leave nothing behind when they fail", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      yield* Effect.gen(function* () {
        const sql = yield* PersonsDatabase
        yield* sql`CREATE TABLE tributary_outbox (mine int)`
        const error = yield* Effect.flip(Migrations.persons)
        assert.strictEqual(error._tag === "StoreError" && error.reason, "Refused")
        const rows = yield* sql`SELECT to_regclass('posthog_person') AS t`
        assert.deepStrictEqual(rows, [{ t: null }])
        yield* sql`DROP TABLE tributary_outbox`
        yield* Migrations.persons
      }).pipe(Effect.provide(TestDatabase.pools(url)))
    })
  )

  it.live("wait for a server that is not there by telling so", () =>
    Effect.gen(function* () {
      const nobody = Redacted.make("postgres://u:p@127.0.0.1:1/nothing")
      const error = yield* Effect.flip(Effect.provide(Migrations.projects, TestDatabase.pools(nobody)))
      assert.strictEqual(error._tag === "StoreError" && error.reason, "Unavailable")
    })
  )
})
