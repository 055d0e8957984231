/** The groups of the contract, as they lie in PostgreSQL. */
import { Effect } from "effect"
import { stored } from "../../../pipeline/test/contract/EventGroups.ts"
import { PersonsDatabase } from "../../src/postgres/Database.ts"

export const put = PersonsDatabase.use((sql) =>
  Effect.forEach(
    stored,
    ({ index, key, properties, team, type }) =>
      Effect.andThen(
        sql`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index)
          VALUES (${team}, ${team}, ${type}, ${index})`,
        sql`INSERT INTO posthog_group (team_id, group_type_index, group_key, group_properties, created_at, version)
          VALUES (${team}, ${index}, ${key}, ${JSON.stringify(properties)}::jsonb, now(), 1)`
      ),
    { discard: true }
  )
)
