/** Makes the project of a first start (spec project, rules). */
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import { ProjectsDatabase } from "./Database.ts"
import * as SqlFailure from "./SqlFailure.ts"

export interface Inserted {
  readonly id: number
  /** False where a project with that token was there; it is left as it is. */
  readonly isNew: boolean
  /** True for the very first project of this database, which gets the GeoIP transformation. */
  readonly isFirst: boolean
}

const select = `SELECT id FROM posthog_team WHERE api_token = $1`

const insert = `
INSERT INTO posthog_team (id, project_id, api_token, name)
SELECT n.id, n.id, $1, $2 FROM (SELECT nextval(pg_get_serial_sequence('posthog_team', 'id'))::int AS id) AS n
ON CONFLICT (api_token) DO NOTHING
RETURNING id, NOT EXISTS (SELECT FROM posthog_team) AS first`

/** The project with this token, inserted if it is missing. May be called by several programs at once. */
export const insertProject = (options: {
  readonly token: string
  readonly name: string
}): Effect.Effect<Inserted, StoreError, ProjectsDatabase> =>
  Effect.gen(function* () {
    const sql = yield* ProjectsDatabase
    while (true) {
      const [there] = yield* sql.unsafe<{ id: number }>(select, [options.token])
      if (there !== undefined) return { id: there.id, isNew: false, isFirst: false }
      const [row] = yield* sql.unsafe<{ id: number; first: boolean }>(insert, [options.token, options.name])
      if (row !== undefined) return { id: row.id, isNew: true, isFirst: row.first }
    }
  }).pipe(SqlFailure.orUnavailable("ProjectStore", "insertProject"))
