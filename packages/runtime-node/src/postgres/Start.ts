/**
 * PostgreSQL at the start of a program: the tables are made or completed as soon as the server answers. A server that is away
 * is waited for, with a line a minute; what waiting does not mend (a wrong password, a right that is missing, a schema
 * that is newer) ends the start with one line. A program that makes no tables looks whether they are there.
 */
import * as Health from "@tributary/pipeline/service/Health"
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
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

type Failure = Migrations.SchemaTooNew | Migrations.SchemaTooOld | StoreError

/** In the words of whoever failed. */
const told = (error: Failure): string =>
  error._tag !== "StoreError"
    ? error.message
    : SqlError.isSqlError(error.cause)
      ? toldOf(error.cause)
      : String(error.cause)

const refused = (setting: string, error: Failure): string | undefined => {
  if (error._tag === "SchemaTooOld") return undefined
  return error._tag === "SchemaTooNew" ? `${setting}: ${error.message}` : refusal(setting, error)
}

const asRefused = (setting: string) => (error: Failure) =>
  new DatabaseRefused({ message: refused(setting, error) ?? told(error) })

const migrated = <R>(setting: string, migrate: Effect.Effect<void, Migrations.SchemaTooNew | StoreError, R>) =>
  migrate.pipe(
    Health.retryWhileAway<Migrations.SchemaTooNew | StoreError>(
      "PostgreSQL",
      (error) => refused(setting, error) === undefined,
      told
    ),
    Effect.mapError(asRefused(setting))
  )

/** Migrates both databases. */
export const migrate: Effect.Effect<void, DatabaseRefused, ProjectsDatabase | PersonsDatabase | Health.Health> =
  Effect.andThen(migrated("DATABASE_URL", Migrations.projects), migrated("PERSONS_DATABASE_URL", Migrations.persons))

/**
 * For a program that only looks projects up and can do without: waits for their tables while they are not there yet. A server
 * that does not answer holds nothing up: it is asked again, and what it then says against this program shows in readiness.
 */
export const lookedAt: Effect.Effect<void, DatabaseRefused, ProjectsDatabase | Health.Health | Scope.Scope> =
  Effect.suspend(() => {
    const setting = "DATABASE_URL"
    const isAway = (error: Failure) => error._tag === "StoreError" && refused(setting, error) === undefined
    const there = Migrations.projectsThere.pipe(
      Health.retryWhileAway<Failure>("PostgreSQL", ({ _tag }) => _tag === "SchemaTooOld", told)
    )
    const later = there.pipe(
      Effect.retry({ while: isAway, schedule: Health.whileAway }),
      Health.untilBack<Failure>("PostgreSQL", (error) => refused(setting, error) ?? told(error))
    )
    return there.pipe(
      Effect.catchIf(isAway, (error) =>
        Effect.andThen(
          Effect.logWarning(`PostgreSQL is away, every token counts as a project's until it is back: ${told(error)}`),
          Effect.forkScoped(later)
        )
      ),
      Effect.asVoid,
      Effect.mapError(asRefused(setting))
    )
  })
