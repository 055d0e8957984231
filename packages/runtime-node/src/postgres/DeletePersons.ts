/**
 * Deletes persons with everything that hangs on them (guides postgres 1, floors; spec worker 3.10).
 *
 * ClickHouse is told by tombstones through the outbox. Their versions lie above those of the rows, so each distinct id
 * leaves a floor: whoever comes back under it starts above its tombstones.
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import type { Mapping } from "@tributary/domain/person/Person"
import * as DistinctIdRow from "@tributary/domain/row/DistinctIdRow"
import * as PersonRow from "@tributary/domain/row/PersonRow"
import type { OutboxRow } from "@tributary/pipeline/service/PersonStore"
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import { PersonsDatabase } from "./Database.ts"
import * as PersonRead from "./PersonRead.ts"
import * as PersonWrite from "./PersonWrite.ts"
import * as Repeat from "./Repeat.ts"

const lockPersons = `
SELECT ${PersonRead.personColumns} FROM posthog_person p
WHERE p.team_id = $1 AND p.uuid = ANY($2::uuid[]) ORDER BY p.id FOR UPDATE OF p`

/** The person's version alone would not do: a mapping can stand above its person. */
const raiseFloors = `
INSERT INTO tributary_deleted AS t (team_id, distinct_id, floor)
SELECT d.team_id, d.distinct_id, greatest(p.version, d.version) + 101
FROM posthog_person p JOIN posthog_persondistinctid d ON d.person_id = p.id
WHERE p.id = ANY($1::bigint[]) ORDER BY d.team_id, d.distinct_id COLLATE "C"
ON CONFLICT (team_id, distinct_id) DO UPDATE SET floor = greatest(t.floor, excluded.floor)`

const deleteDistinctIds = `
DELETE FROM posthog_persondistinctid WHERE person_id = ANY($1::bigint[])
RETURNING team_id, distinct_id, person_id, coalesce(version, 0)::float8 AS version`

const deleteRest = [
  "DELETE FROM posthog_cohortpeople WHERE person_id = ANY($1::bigint[])",
  "DELETE FROM posthog_featureflaghashkeyoverride WHERE person_id = ANY($1::bigint[])",
  "DELETE FROM posthog_person WHERE id = ANY($1::bigint[])"
]

export interface Deleted {
  /** Persons that were there. */
  readonly persons: number
  /** Tombstones, to be published; whatever is not is left to the sweeper. */
  readonly outbox: ReadonlyArray<OutboxRow>
}

const attempt = Effect.fnUntraced(function* (sql: PgClient, team: number, uuids: ReadonlyArray<string>) {
  const rows = yield* sql.unsafe<PersonRead.PersonRow>(lockPersons, [team, uuids])
  if (rows.length === 0) return { persons: 0, outbox: [] }
  const ids = rows.map((row) => row.id)
  const persons = new Map(rows.map((row) => [row.id, PersonRead.personOf(row)]))
  yield* sql.unsafe(raiseFloors, [ids])
  const mappings = yield* sql.unsafe<{ team_id: number; distinct_id: string; person_id: bigint; version: number }>(
    deleteDistinctIds,
    [ids]
  )
  for (const statement of deleteRest) yield* sql.unsafe(statement, [ids])
  const tombstones = mappings.map((row) => {
    const mapping: Mapping = {
      team: row.team_id,
      distinctId: row.distinct_id,
      person: persons.get(row.person_id)!.uuid,
      version: row.version
    }
    return { ...DistinctIdRow.message(mapping), value: DistinctIdRow.encodeTombstone(mapping) }
  })
  const outbox = yield* PersonWrite.post(sql, [...[...persons.values()].map(PersonRow.tombstone), ...tombstones])
  return { persons: rows.length, outbox }
})

/** All or nothing. Uuids that are not there are skipped. */
export const deletePersons = (
  team: number,
  uuids: ReadonlyArray<string>
): Effect.Effect<Deleted, StoreError, PersonsDatabase> =>
  Effect.flatMap(PersonsDatabase, (sql) =>
    Repeat.untilSettled(
      "PersonStore",
      "deletePersons",
      () => sql.withTransaction(attempt(sql, team, uuids)),
      Effect.void
    )
  )
