/**
 * Brings the tables of a database up to what this program knows.
 *
 * Each set has a table of migrations of its own, so both may live in one database. A set runs in one transaction under
 * one lock: programs that start at once wait for each other, and one that fails leaves nothing behind.
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import * as SqlError from "effect/sql/SqlError"
import { PersonsDatabase, ProjectsDatabase } from "./Database.ts"
import type { Migration } from "./migrations/Migration.ts"
import * as Persons from "./migrations/Persons.ts"
import * as Projects from "./migrations/Projects.ts"
import * as SqlFailure from "./SqlFailure.ts"

/** The database was brought further by a newer program; this one must not touch it. */
export class SchemaTooNew extends Schema.TaggedError<SchemaTooNew>()("SchemaTooNew", {
  set: Schema.Literals(["projects", "persons", "log"]),
  found: Schema.Int,
  known: Schema.Int
}) {
  override get message(): string {
    return `the tables of ${this.set} are at version ${this.found}, this program knows ${this.known}: start a newer one`
  }
}

/** Any number of ours: who migrates waits for who migrates. */
const lock = 7_236_191_402n

const runMigrations = Migrator.make({})

/** Brings one set up to date in the database of `sql`. */
export const run = (set: SchemaTooNew["set"], sql: PgClient, migrations: Readonly<Record<string, Migration>>) => {
  const table = `tributary_${set}_migrations`
  const known = Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name, 10)))
  const migrate = Effect.gen(function* () {
    // Waiting for another program's migration is no fault; the session's bounds would make it one.
    yield* sql`SET LOCAL lock_timeout = 0`
    yield* sql`SET LOCAL statement_timeout = 0`
    yield* sql`SELECT pg_advisory_xact_lock(${lock})`
    const [there] = yield* sql<{ present: boolean }>`SELECT to_regclass(${table}) IS NOT NULL AS present`
    if (there?.present === true) {
      const [row] = yield* sql<{ found: number | null }>`SELECT max(migration_id) AS found FROM ${sql(table)}`
      const found = row?.found ?? 0
      if (found > known) return yield* new SchemaTooNew({ set, found, known })
      // Who may change no table may start where they stand; the migrator would lock its own.
      if (found === known) return
    } else {
      // As the migrator would have it, which hides why it cannot: it looks once more, in a transaction that has failed.
      yield* sql`CREATE TABLE ${sql(table)} (
        migration_id integer PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), name text NOT NULL)`
    }
    yield* runMigrations({ loader: Migrator.fromRecord({ ...migrations }), table }).pipe(
      Effect.provideService(SqlClient.SqlClient, sql)
    )
  })
  return SqlFailure.typed(sql.withTransaction(migrate)).pipe(
    Effect.mapError((error) => {
      if (error._tag === "SchemaTooNew") return error
      const cause = error._tag === "MigrationError" && SqlError.isSqlError(error.cause) ? error.cause : error
      const away = SqlError.isSqlError(cause) && SqlFailure.classify(cause) !== "refused"
      return new StoreError({
        store: "Migrations",
        operation: set,
        reason: away ? "Unavailable" : "Refused",
        cause
      })
    })
  )
}

/** The tables of `DATABASE_URL`. */
export const projects: Effect.Effect<void, SchemaTooNew | StoreError, ProjectsDatabase> = Effect.flatMap(
  ProjectsDatabase,
  (sql) => run("projects", sql, Projects.projects)
)

/** The tables of `PERSONS_DATABASE_URL`. */
export const persons: Effect.Effect<void, SchemaTooNew | StoreError, PersonsDatabase> = Effect.flatMap(
  PersonsDatabase,
  (sql) => run("persons", sql, Persons.persons)
)
