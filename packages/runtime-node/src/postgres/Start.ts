/**
 * PostgreSQL at the start of a program: the tables are made or completed as soon as the server answers. A server that is away
 * is waited for, with a line a minute; what waiting does not mend (a wrong password, a right that is missing, a schema
 * that is newer) ends the start with one line.
 */
import * as Health from "@tributary/pipeline/service/Health"
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SqlError from "effect/sql/SqlError"
import type { PersonsDatabase, ProjectsDatabase } from "./Database.ts"
import * as Migrations from "./Migrations.ts"
import { sqlState } from "./SqlFailure.ts"

/** The database is not such as this program may use. `message` is one line for operators, without the URL. */
export class DatabaseRefused extends Schema.TaggedError<DatabaseRefused>()("DatabaseRefused", {
  message: Schema.String
}) {}

/** What the server or the system says. Of several addresses that were tried, Node tells the code alone. */
const toldOf = ({ reason }: SqlError.SqlError): string => {
  if (!(reason.cause instanceof Error)) return reason.message
  return reason.cause.message || ("code" in reason.cause ? String(reason.cause.code) : reason.message)
}

/** The line that ends the start; undefined while it is worth waiting. */
const refusal = (setting: string, { cause, reason }: StoreError): string | undefined => {
  if (!SqlError.isSqlError(cause)) return reason === "Unavailable" ? undefined : String(cause)
  const told = toldOf(cause)
  const state = sqlState(cause) ?? ""
  if (state.startsWith("28")) return `${setting}: PostgreSQL does not let this user in: ${told}`
  if (state === "3D000") return `${setting}: ${told}`
  if (state === "42501") return `${setting}: the user may not do what the tables need: ${told}`
  return reason === "Unavailable" ? undefined : `${setting}: PostgreSQL refuses the tables: ${told}`
}

const migrated = <R>(setting: string, migrate: Effect.Effect<void, Migrations.SchemaTooNew | StoreError, R>) => {
  const refused = (error: Migrations.SchemaTooNew | StoreError): string | undefined =>
    error._tag === "SchemaTooNew" ? `${setting}: ${error.message}` : refusal(setting, error)
  return migrate.pipe(
    Health.retryWhileAway<Migrations.SchemaTooNew | StoreError>(
      "PostgreSQL",
      (error) => refused(error) === undefined,
      (error) =>
        error._tag === "SchemaTooNew"
          ? error.message
          : SqlError.isSqlError(error.cause)
            ? toldOf(error.cause)
            : String(error.cause)
    ),
    Effect.mapError((error) => new DatabaseRefused({ message: refused(error) ?? String(error) }))
  )
}

/** Migrates both databases. */
export const migrate: Effect.Effect<void, DatabaseRefused, ProjectsDatabase | PersonsDatabase | Health.Health> =
  Effect.andThen(migrated("DATABASE_URL", Migrations.projects), migrated("PERSONS_DATABASE_URL", Migrations.persons))
