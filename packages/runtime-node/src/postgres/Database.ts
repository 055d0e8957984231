/** The connections of one process to PostgreSQL: one pool for projects and functions, one for people. */
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Pool from "./Pool.ts"
import type { TlsError } from "./Tls.ts"

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

/** Of both pools together: two for projects and functions, two for people. */
export const leastConnections = 4

export interface DatabaseOptions {
  readonly databaseUrl: Redacted.Redacted
  readonly personsDatabaseUrl: Redacted.Redacted
  /** Connections of both pools together (`POSTGRES_POOL_SIZE`); fewer than `leastConnections` count as so many. */
  readonly poolSize: number
}

/** Both pools. Of the connections, people get the larger part: each batch in flight holds one for a whole transaction. */
export const layer = (options: DatabaseOptions): Layer.Layer<ProjectsDatabase | PersonsDatabase, TlsError> => {
  const size = Math.max(leastConnections, options.poolSize)
  const forProjects = Math.max(2, Math.floor(size * 0.4))
  const applicationName = "tributary"
  return Layer.mergeAll(
    Layer.effect(
      ProjectsDatabase,
      Pool.make({
        url: options.databaseUrl,
        setting: "DATABASE_URL",
        maxConnections: forProjects,
        applicationName,
        startupParameters: Pool.bounds
      })
    ),
    Layer.effect(
      PersonsDatabase,
      Pool.make({
        url: options.personsDatabaseUrl,
        setting: "PERSONS_DATABASE_URL",
        maxConnections: size - forProjects,
        applicationName,
        startupParameters: Pool.lookupsOnly
      })
    )
  ).pipe(Layer.provide(Reactivity.layer))
}
