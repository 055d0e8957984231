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

/** The tables are not there yet, or not all of them; who may make them has still to come. */
export class SchemaTooOld extends Schema.TaggedError<SchemaTooOld>()("SchemaTooOld", {
  set: Schema.Literals(["projects", "persons", "log"]),
  found: Schema.Int,
  known: Schema.Int
}) {
  override get message(): string {
    return this.found === 0
      ? `the tables of ${this.set} are not there yet: a worker makes them`
      : `the tables of ${this.set} are at version ${this.found}, this program needs ${this.known}: a worker of its version makes them`
  }
}

/** Any number of ours: who migrates waits for who migrates. */
const lock = 7_236_191_402n

const runMigrations = Migrator.make({})

type Set = SchemaTooNew["set"]
type Known = Readonly<Record<string, Migration>>

const tableOf = (set: Set): string => `tributary_${set}_migrations`

const newest = (migrations: Known): number =>
  Math.max(...Object.keys(migrations).map((name) => Number.parseInt(name, 10)))

/** The version of a set's tables; undefined where there are none. Fails where they are newer than what is known. */
const versionOf = Effect.fnUntraced(function* (set: Set, sql: PgClient, known: number) {
  const table = tableOf(set)
  const [there] = yield* sql<{ present: boolean }>`SELECT to_regclass(${table}) IS NOT NULL AS present`
  if (there?.present !== true) return undefined
  const [row] = yield* sql<{ found: number | null }>`SELECT max(migration_id) AS found FROM ${sql(table)}`
  const found = row?.found ?? 0
  if (found > known) return yield* new SchemaTooNew({ set, found, known })
  return found
})

const storeError = (set: Set, cause: unknown): StoreError =>
  new StoreError({
    store: "Migrations",
    operation: set,
    reason: SqlError.isSqlError(cause) && SqlFailure.classify(cause) !== "refused" ? "Unavailable" : "Refused",
    cause
  })

/** Whether the tables of a set are as this program knows them, for one that must not make them. */
const check = (
  set: Set,
  sql: PgClient,
  migrations: Known
): Effect.Effect<void, SchemaTooNew | SchemaTooOld | StoreError> => {
  const known = newest(migrations)
  return versionOf(set, sql, known).pipe(
    Effect.mapError((error) => (error._tag === "SchemaTooNew" ? error : storeError(set, error))),
    Effect.flatMap((found = 0) => (found < known ? new SchemaTooOld({ set, found, known }) : Effect.void))
  )
}

/** Brings one set up to date in the database of `sql`. */
export const run = (set: Set, sql: PgClient, migrations: Known) => {
  const table = tableOf(set)
  const known = newest(migrations)
  const migrate = Effect.gen(function* () {
    // Waiting for another program's migration is no fault; the session's bounds would make it one.
    yield* sql`SET LOCAL lock_timeout = 0`
    yield* sql`SET LOCAL statement_timeout = 0`
    yield* sql`SELECT pg_advisory_xact_lock(${lock})`
    const found = yield* versionOf(set, sql, known)
    // Who may change no table may start where they stand; the migrator would lock its own.
    if (found === known) return
    if (found === undefined) {
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
      return storeError(set, error._tag === "MigrationError" && SqlError.isSqlError(error.cause) ? error.cause : error)
    })
  )
}

/** The tables of `DATABASE_URL`. */
export const projects: Effect.Effect<void, SchemaTooNew | StoreError, ProjectsDatabase> = Effect.flatMap(
  ProjectsDatabase,
  (sql) => run("projects", sql, Projects.projects)
)

/** Whether the tables of `DATABASE_URL` are as this program knows them; it touches nothing. */
export const projectsThere: Effect.Effect<void, SchemaTooNew | SchemaTooOld | StoreError, ProjectsDatabase> =
  Effect.flatMap(ProjectsDatabase, (sql) => check("projects", sql, Projects.projects))

/** The tables of `PERSONS_DATABASE_URL`. */
export const persons: Effect.Effect<void, SchemaTooNew | StoreError, PersonsDatabase> = Effect.flatMap(
  PersonsDatabase,
  (sql) => run("persons", sql, Persons.persons)
)
