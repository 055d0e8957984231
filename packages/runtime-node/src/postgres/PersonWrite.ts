/**
 * Steps 7 to 14 of the batch transaction (guides postgres 1): all inserts come before the first change of a row that
 * exists, because an insert waits for whoever has changed the row with its key. The order is binding.
 *
 * Sets, not rows: one statement a step, on arrays, whose text is the same for every size and so stays prepared. Arrays are
 * sorted here by code units; rows that are inserted lock their keys in that order.
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import * as PgTypes from "@effect/sql-pg/PgTypes"
import type { Mapping, Name } from "@tributary/domain/person/Person"
import { nameKey } from "@tributary/domain/person/Person"
import type {
  Changes,
  Folded,
  GroupWrite,
  Merge,
  OutboxMessage,
  PersonCreation,
  PersonWrite
} from "@tributary/domain/person/Snapshot"
import type { OutboxRow } from "@tributary/pipeline/service/PersonStore"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Bounds, type Loaded, personKey } from "./PersonRead.ts"
import { Conflict } from "./Repeat.ts"

/** An array that may be all nulls needs its type said. These: milliseconds since the epoch as `timestamptz[]`. */
const times = (values: ReadonlyArray<number | null>) =>
  Result.getOrThrow(PgTypes.array(values, PgTypes.OID.timestamptz))

const texts = (values: ReadonlyArray<string | null>) => Result.getOrThrow(PgTypes.array(values, PgTypes.OID.text))

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Row ids by `personKey`; those of new persons are added by step 7. */
type Ids = Map<string, bigint>

/** The fold only names persons that it was given or that it created. */
const idOf = (ids: Ids, team: number, uuid: string): bigint => {
  const id = ids.get(personKey(team, uuid))
  if (id === undefined) throw new Error(`the fold names a person that it was not given: ${team} ${uuid}`)
  return id
}

const insertPersons = `
INSERT INTO posthog_person
  (team_id, uuid, created_at, properties, properties_last_updated_at, properties_last_operation, is_identified, version, last_seen_at)
SELECT x.team, x.uuid, x.created, x.props::jsonb, x.updated::jsonb, x.operation::jsonb, x.identified, x.version, x.seen
FROM unnest($1::int[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::bool[], $8::bigint[], $9::timestamptz[])
  AS x(team, uuid, created, props, updated, operation, identified, version, seen)
ON CONFLICT DO NOTHING RETURNING id, team_id, uuid`

const create = Effect.fnUntraced(function* (sql: PgClient, unsorted: ReadonlyArray<PersonCreation>, ids: Ids) {
  if (unsorted.length === 0) return
  const persons = unsorted.toSorted((a, b) => a.team - b.team || compare(a.uuid, b.uuid))
  const rows = yield* sql.unsafe<{ id: bigint; team_id: number; uuid: string }>(insertPersons, [
    persons.map((p) => p.team),
    persons.map((p) => p.uuid),
    times(persons.map((p) => p.createdAt)),
    persons.map((p) => p.json),
    persons.map((p) => JSON.stringify(p.lastUpdatedAt)),
    persons.map((p) => JSON.stringify(p.lastOperation)),
    persons.map((p) => p.isIdentified),
    persons.map((p) => BigInt(p.version)),
    times(persons.map((p) => p.lastSeenAt))
  ])
  if (rows.length < persons.length) return yield* new Conflict({ step: "person" })
  for (const row of rows) ids.set(personKey(row.team_id, row.uuid), row.id)
})

const insertDistinctIds = `
INSERT INTO posthog_persondistinctid (team_id, distinct_id, person_id, version)
SELECT x.team, x.did, x.person, x.version
FROM unnest($1::int[], $2::text[], $3::bigint[], $4::bigint[]) AS x(team, did, person, version)
ON CONFLICT DO NOTHING RETURNING 1 AS inserted`

const readFloors = `
SELECT n.ord::int AS ord, f.floor::float8 AS floor
FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS n(team, did, ord)
JOIN tributary_deleted f ON f.team_id = n.team AND f.distinct_id = n.did`

const attach = Effect.fnUntraced(function* (
  sql: PgClient,
  unsorted: ReadonlyArray<Mapping>,
  ids: Ids,
  floor: (name: Name) => number
) {
  if (unsorted.length === 0) return
  const mappings = unsorted.toSorted((a, b) => a.team - b.team || compare(a.distinctId, b.distinctId))
  const teams = mappings.map((m) => m.team)
  const distinctIds = mappings.map((m) => m.distinctId)
  const inserted = yield* sql.unsafe(insertDistinctIds, [
    teams,
    distinctIds,
    mappings.map((m) => idOf(ids, m.team, m.person)),
    mappings.map((m) => BigInt(m.version))
  ])
  if (inserted.length < mappings.length) return yield* new Conflict({ step: "distinct id" })
  // Others may have created and deleted one since the names were read.
  const floors = new Map<string, number>()
  for (const row of yield* sql.unsafe<{ ord: number; floor: number }>(readFloors, [teams, distinctIds])) {
    const name = mappings[row.ord - 1]!
    floors.set(nameKey(name.team, name.distinctId), row.floor)
  }
  for (const name of mappings) {
    if ((floors.get(nameKey(name.team, name.distinctId)) ?? 0) !== floor(name)) {
      return yield* new Conflict({ step: "floor" })
    }
  }
})

const insertGroups = `
INSERT INTO posthog_group (team_id, group_type_index, group_key, group_properties, created_at, version)
SELECT x.team, x.index, x.key, x.props::jsonb, x.created, x.version
FROM unnest($1::int[], $2::int[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
  AS x(team, index, key, props, version, created)
ON CONFLICT DO NOTHING RETURNING 1 AS inserted`

/** `created_at` stays. */
const updateGroups = `
UPDATE posthog_group g SET group_properties = x.props::jsonb, version = x.version
FROM unnest($1::int[], $2::int[], $3::text[], $4::text[], $5::bigint[]) AS x(team, index, key, props, version)
WHERE g.team_id = x.team AND g.group_type_index = x.index AND g.group_key = x.key RETURNING 1 AS updated`

const groupColumns = (groups: ReadonlyArray<GroupWrite>): ReadonlyArray<unknown> => [
  groups.map((g) => g.team),
  groups.map((g) => g.index),
  groups.map((g) => g.key),
  groups.map((g) => g.json),
  groups.map((g) => BigInt(g.version))
]

const createGroups = Effect.fnUntraced(function* (sql: PgClient, unsorted: ReadonlyArray<GroupWrite>) {
  if (unsorted.length === 0) return
  const groups = unsorted.toSorted((a, b) => a.team - b.team || a.index - b.index || compare(a.key, b.key))
  const rows = yield* sql.unsafe(insertGroups, [...groupColumns(groups), times(groups.map((g) => g.createdAt))])
  if (rows.length < groups.length) return yield* new Conflict({ step: "group" })
})

/** All ids of the source, named by the batch or not. */
const moveDistinctIds = `
UPDATE posthog_persondistinctid d SET person_id = x.dst, version = coalesce(d.version, 0) + x.n
FROM unnest($1::bigint[], $2::bigint[], $3::int[]) AS x(src, dst, n) WHERE d.person_id = x.src
RETURNING d.team_id, d.distinct_id, d.person_id, d.version::float8 AS version`

const moveCohorts = `
UPDATE posthog_cohortpeople c SET person_id = x.dst
FROM unnest($1::bigint[], $2::bigint[]) AS x(src, dst) WHERE c.person_id = x.src`

/** The target's row stays; of several sources, the one that joined it first wins. */
const moveFlags = `
WITH gone AS (
  DELETE FROM posthog_featureflaghashkeyoverride f
  USING unnest($1::bigint[], $2::bigint[], $3::int[]) WITH ORDINALITY AS x(src, dst, n, ord) WHERE f.person_id = x.src
  RETURNING f.team_id, x.dst, f.feature_flag_key, f.hash_key, x.n, x.ord)
INSERT INTO posthog_featureflaghashkeyoverride (team_id, person_id, feature_flag_key, hash_key)
SELECT g.team_id, g.dst, g.feature_flag_key, g.hash_key FROM gone g ORDER BY g.n, g.ord ON CONFLICT DO NOTHING`

const move = Effect.fnUntraced(function* (sql: PgClient, merges: ReadonlyArray<Merge>, ids: Ids) {
  if (merges.length === 0) return []
  const targets = new Map<bigint, string>()
  for (const merge of merges) targets.set(idOf(ids, merge.team, merge.target), merge.target)
  const sources = merges.map((m) => idOf(ids, m.team, m.source))
  const destinations = merges.map((m) => idOf(ids, m.team, m.target))
  const moves = merges.map((m) => m.moves)
  const rows = yield* sql.unsafe<{ team_id: number; distinct_id: string; person_id: bigint; version: number }>(
    moveDistinctIds,
    [sources, destinations, moves]
  )
  yield* sql.unsafe(moveCohorts, [sources, destinations])
  yield* sql.unsafe(moveFlags, [sources, destinations, moves])
  return rows.map(
    (row): Mapping => ({
      team: row.team_id,
      distinctId: row.distinct_id,
      person: targets.get(row.person_id)!,
      version: row.version
    })
  )
})

const updatePersons = `
UPDATE posthog_person p SET properties = x.props::jsonb, created_at = x.created, is_identified = x.identified,
  version = x.version, last_seen_at = x.seen
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::bool[], $5::bigint[], $6::timestamptz[])
  AS x(id, props, created, identified, version, seen)
WHERE p.id = x.id RETURNING 1 AS updated`

const update = Effect.fnUntraced(function* (sql: PgClient, persons: ReadonlyArray<PersonWrite>, ids: Ids) {
  if (persons.length === 0) return
  const rows = yield* sql.unsafe(updatePersons, [
    persons.map((p) => idOf(ids, p.team, p.uuid)),
    persons.map((p) => p.json),
    times(persons.map((p) => p.createdAt)),
    persons.map((p) => p.isIdentified),
    persons.map((p) => BigInt(p.version)),
    times(persons.map((p) => p.lastSeenAt))
  ])
  if (rows.length !== persons.length) return yield* new Conflict({ step: "update" })
})

const changeGroups = Effect.fnUntraced(function* (sql: PgClient, groups: ReadonlyArray<GroupWrite>) {
  if (groups.length === 0) return
  const rows = yield* sql.unsafe(updateGroups, groupColumns(groups))
  if (rows.length !== groups.length) return yield* new Conflict({ step: "update" })
})

const deletePersons = `DELETE FROM posthog_person WHERE id = ANY($1::bigint[]) RETURNING 1 AS deleted`

const remove = Effect.fnUntraced(function* (sql: PgClient, merges: ReadonlyArray<Merge>, ids: Ids) {
  if (merges.length === 0) return
  const rows = yield* sql.unsafe(deletePersons, [merges.map((m) => idOf(ids, m.team, m.source))])
  if (rows.length !== merges.length) return yield* new Conflict({ step: "delete" })
})

const raiseProgress = `
UPDATE tributary_progress p SET next_offset = x.next
FROM unnest($2::text[], $3::int[], $4::bigint[]) AS x(topic, part, next)
WHERE p.consumer_group = $1 AND p.topic = x.topic AND p.partition = x.part AND p.next_offset < x.next`

const insertRefusals = `
INSERT INTO tributary_refused (consumer_group, topic, partition, log_offset, outcome)
SELECT $1, x.topic, x.part, x.off, x.outcome::jsonb
FROM unnest($2::text[], $3::int[], $4::bigint[], $5::text[]) AS x(topic, part, off, outcome)
ON CONFLICT (consumer_group, topic, partition, log_offset) DO UPDATE SET outcome = excluded.outcome`

const raise = Effect.fnUntraced(function* (
  sql: PgClient,
  group: string,
  bounds: ReadonlyArray<Bounds>,
  refusals: Changes["refusals"]
) {
  if (bounds.length > 0) {
    yield* sql.unsafe(raiseProgress, [
      group,
      bounds.map((b) => b.topic),
      bounds.map((b) => b.partition),
      bounds.map((b) => b.next)
    ])
  }
  if (refusals.length > 0) {
    yield* sql.unsafe(insertRefusals, [
      group,
      refusals.map((r) => r.at.topic),
      refusals.map((r) => r.at.partition),
      refusals.map((r) => r.at.offset),
      refusals.map((r) => JSON.stringify(r.refusal))
    ])
  }
})

const insertOutbox = `
INSERT INTO tributary_outbox (topic, key, value)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) RETURNING id`

/** The messages with the ids of their rows, in the same order. */
export const post = Effect.fnUntraced(function* (sql: PgClient, messages: ReadonlyArray<OutboxMessage>) {
  if (messages.length === 0) return []
  const rows = yield* sql.unsafe<{ id: bigint }>(insertOutbox, [
    messages.map((m) => m.topic),
    texts(messages.map((m) => m.key)),
    messages.map((m) => m.value)
  ])
  return messages.map(({ key, topic, value }, i): OutboxRow => ({ id: rows[i]!.id, topic, key, value }))
})

/** Steps 7 to 14, without the commit. Answers with the outbox rows. */
export const write = Effect.fnUntraced(function* <A>(
  sql: PgClient,
  group: string,
  loaded: Loaded,
  { changes, messages }: Folded<A>
) {
  const ids: Ids = new Map(loaded.ids)
  yield* create(sql, changes.create, ids)
  yield* attach(sql, changes.attach, ids, (name) => loaded.snapshot.floor(name.team, name.distinctId))
  const newGroups = changes.groups.filter((g) => g.isNew)
  yield* createGroups(sql, newGroups)
  const moved = yield* move(sql, changes.merge, ids)
  yield* update(sql, changes.update, ids)
  yield* changeGroups(
    sql,
    changes.groups.filter((g) => !g.isNew)
  )
  yield* remove(sql, changes.merge, ids)
  yield* raise(sql, group, loaded.bounds, changes.refusals)
  return yield* post(sql, messages(moved))
})
