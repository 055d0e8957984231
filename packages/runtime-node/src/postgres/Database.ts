/**
 * The connections of one process to PostgreSQL: one pool for projects and functions, one for people.
 *
 * No connection is opened before the first statement, so a server that is away at the start is not fatal: the statements
 * fail, and their callers wait. A lost connection is replaced at the next statement.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Reactivity from "effect/reactivity/Reactivity"

/** Projects, functions, deliveries, limits (`DATABASE_URL`). */
export class ProjectsDatabase extends Context.Service<ProjectsDatabase, PgClient.PgClient>()(
  "@tributary/runtime-node/ProjectsDatabase"
) {}

/**
 * People, groups and their types, progress, outbox (`PERSONS_DATABASE_URL`). Only for statements that are index
 * look-ups: its sessions never scan a table where an index will do.
 */
export class PersonsDatabase extends Context.Service<PersonsDatabase, PgClient.PgClient>()(
  "@tributary/runtime-node/PersonsDatabase"
) {}

export interface DatabaseOptions {
  readonly databaseUrl: Redacted.Redacted
  readonly personsDatabaseUrl: Redacted.Redacted
  /** Connections of both pools together (`POSTGRES_POOL_SIZE`); fewer than 4 count as 4. */
  readonly poolSize: number
}

/** Bounds on what a session may hold up (guides postgres 4). */
const bounds = {
  default_transaction_isolation: "read committed",
  lock_timeout: "10s",
  idle_in_transaction_session_timeout: "30s",
  statement_timeout: "60s"
}

/**
 * A statement that was planned while the tables were empty would scan them from then on, until an ANALYZE comes by
 * (guides postgres 3).
 */
const lookupsOnly = { enable_seqscan: "off", enable_hashjoin: "off", enable_mergejoin: "off" }

const pool = (url: Redacted.Redacted, maxConnections: number, startupParameters: Readonly<Record<string, string>>) =>
  PgClient.make({
    url,
    maxConnections,
    startupParameters,
    applicationName: "tributary",
    connectTimeout: "5 seconds",
    keepAlive: "30 seconds"
    // A pool opens its connections later; nothing can fail while it is made.
  }).pipe(Effect.orDie)

/** Both pools. Of the connections, people get the larger part: each batch in flight holds one for a whole transaction. */
export const layer = (options: DatabaseOptions): Layer.Layer<ProjectsDatabase | PersonsDatabase> => {
  const size = Math.max(4, options.poolSize)
  const forProjects = Math.max(2, Math.floor(size * 0.4))
  return Layer.mergeAll(
    Layer.effect(ProjectsDatabase, pool(options.databaseUrl, forProjects, bounds)),
    Layer.effect(PersonsDatabase, pool(options.personsDatabaseUrl, size - forProjects, { ...bounds, ...lookupsOnly }))
  ).pipe(Layer.provide(Reactivity.layer))
}
