import { Effect, Layer } from "effect"
import { eventGroupsContract, stored } from "../../../pipeline/test/contract/EventGroups.ts"
import * as EventGroups from "../../src/functions/EventGroups.ts"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import * as TestDatabase from "../postgres/TestDatabase.ts"

const rows = Layer.effectDiscard(
  Effect.gen(function* () {
    const sql = yield* PersonsDatabase
    for (const { index, key, properties, team, type } of stored) {
      yield* sql`INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index)
        VALUES (${team}, ${team}, ${type}, ${index})`
      yield* sql`INSERT INTO posthog_group (team_id, group_type_index, group_key, group_properties, created_at, version)
        VALUES (${team}, ${index}, ${key}, ${JSON.stringify(properties)}::jsonb, now(), 1)`
    }
  })
)

eventGroupsContract("PostgreSQL", EventGroups.layer.pipe(Layer.provideMerge(rows), Layer.provide(TestDatabase.layer)))
