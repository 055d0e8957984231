/**
 * Steps 2 to 5 of the batch transaction (guides postgres 1): claim the progress, lock and read the persons, read mapping
 * and floors, lock and read the groups. The order of the statements is the order of locks; it is binding.
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import type { Position } from "@tributary/domain/event/Position"
import { key as positionKey } from "@tributary/domain/event/Position"
import type { Properties } from "@tributary/domain/event/Properties"
import * as Uuid from "@tributary/domain/event/Uuid"
import type { Group } from "@tributary/domain/group/Group"
import { groupNameKey } from "@tributary/domain/group/Group"
import type { Name, Person } from "@tributary/domain/person/Person"
import { nameKey } from "@tributary/domain/person/Person"
import type { Found, Refusal, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import * as Effect from "effect/Effect"
import { Conflict } from "./Repeat.ts"

/** The part of one partition that a batch covers. */
export interface Bounds {
  readonly topic: string
  readonly partition: number
  readonly first: bigint
  /** The highest offset + 1. */
  readonly next: bigint
}

/** What the transaction holds: the snapshot for the fold, and the ids of rows for the writes. */
export interface Loaded {
  readonly snapshot: Snapshot
  readonly bounds: ReadonlyArray<Bounds>
  /** Row ids of the persons that are locked, by `personKey`. */
  readonly ids: ReadonlyMap<string, bigint>
}

/** A text that is equal for equal persons. */
export const personKey = (team: number, uuid: string): string => `${team}:${uuid}`

const partitionKey = (at: Pick<Position, "topic" | "partition">): string => `${at.topic}:${at.partition}`

const boundsOf = (positions: ReadonlyArray<Position>): ReadonlyArray<Bounds> => {
  const bounds = new Map<string, { topic: string; partition: number; first: bigint; next: bigint }>()
  for (const at of positions) {
    const key = partitionKey(at)
    const known = bounds.get(key)
    if (known === undefined) {
      bounds.set(key, { topic: at.topic, partition: at.partition, first: at.offset, next: at.offset + 1n })
      continue
    }
    if (at.offset < known.first) known.first = at.offset
    if (at.offset >= known.next) known.next = at.offset + 1n
  }
  return [...bounds.values()]
}

/** The update changes nothing: it locks, and RETURNING shows the newest value. */
const claimProgress = `
INSERT INTO tributary_progress AS p (consumer_group, topic, partition, next_offset)
SELECT $1, x.topic, x.part, 0 FROM unnest($2::text[], $3::int[]) AS x(topic, part) ORDER BY x.topic COLLATE "C", x.part
ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = p.next_offset
RETURNING p.topic, p.partition, p.next_offset`

const readRefusals = `
SELECT r.topic, r.partition, r.log_offset, r.outcome
FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS x(topic, part, first, next)
JOIN tributary_refused r ON r.consumer_group = $1 AND r.topic = x.topic AND r.partition = x.part
  AND r.log_offset >= x.first AND r.log_offset < x.next`

const claim = Effect.fnUntraced(function* (sql: PgClient, group: string, bounds: ReadonlyArray<Bounds>) {
  const fences = new Map<string, bigint>()
  const refusals = new Map<string, Refusal>()
  if (bounds.length === 0) return { fences, refusals }
  const rows = yield* sql.unsafe<{ topic: string; partition: number; next_offset: bigint }>(claimProgress, [
    group,
    bounds.map((b) => b.topic),
    bounds.map((b) => b.partition)
  ])
  for (const row of rows) fences.set(partitionKey(row), row.next_offset)
  const applied = bounds.filter((b) => b.first < (fences.get(partitionKey(b)) ?? 0n))
  if (applied.length > 0) {
    const refused = yield* sql.unsafe<{ topic: string; partition: number; log_offset: bigint; outcome: Refusal }>(
      readRefusals,
      [
        group,
        applied.map((b) => b.topic),
        applied.map((b) => b.partition),
        applied.map((b) => b.first),
        applied.map((b) => fences.get(partitionKey(b)) ?? 0n)
      ]
    )
    for (const row of refused) refusals.set(positionKey({ ...row, offset: row.log_offset }), row.outcome)
  }
  return { fences, refusals }
})

export interface PersonRow {
  readonly id: bigint
  readonly team_id: number
  readonly uuid: string
  readonly created_at: Date
  readonly properties: Properties
  readonly is_identified: boolean
  readonly version: number
  readonly last_seen_at: Date | null
}

export const personColumns = `p.id, p.team_id, p.uuid, p.created_at, p.properties, p.is_identified,
  coalesce(p.version, 0)::float8 AS version, p.last_seen_at`

const owners = `
SELECT d.person_id FROM unnest($1::int[], $2::text[]) AS n(team, did)
JOIN posthog_persondistinctid d ON d.team_id = n.team AND d.distinct_id = n.did`

/** LockRows sits above Sort, so the order of locking is the order of ids. */
const lockPersons = `SELECT ${personColumns} FROM posthog_person p WHERE p.id IN (${owners}) ORDER BY p.id FOR UPDATE OF p`

/** Also those that hold the uuid of a name although no mapping leads there. */
const lockPersonsAndStrays = `
SELECT ${personColumns} FROM posthog_person p
WHERE p.id IN (${owners} UNION ALL
  SELECT q.id FROM unnest($1::int[], $3::uuid[]) AS n(team, uuid)
  JOIN posthog_person q ON q.team_id = n.team AND q.uuid = n.uuid)
ORDER BY p.id FOR UPDATE OF p`

/** `ord`: the place of the name in the parameters, from 1. */
const readMapping = `
SELECT n.ord::int AS ord, d.person_id, coalesce(d.version, 0)::float8 AS version, f.floor::float8 AS floor
FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS n(team, did, ord)
LEFT JOIN posthog_persondistinctid d ON d.team_id = n.team AND d.distinct_id = n.did
LEFT JOIN tributary_deleted f ON f.team_id = n.team AND f.distinct_id = n.did`

const readLooks = `
SELECT n.ord::int AS ord, coalesce(d.version, 0)::float8 AS mapping_version, ${personColumns}
FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS n(team, did, ord)
JOIN posthog_persondistinctid d ON d.team_id = n.team AND d.distinct_id = n.did
JOIN posthog_person p ON p.id = d.person_id`

const countIds = `
SELECT i.id, (SELECT count(*) FROM (SELECT 1 FROM posthog_persondistinctid d WHERE d.person_id = i.id LIMIT $2) AS x)::int AS n
FROM unnest($1::bigint[]) AS i(id)`

const lockGroups = `
SELECT g.team_id, g.group_type_index, g.group_key, g.group_properties, g.created_at, g.version::float8 AS version
FROM unnest($1::int[], $2::int[], $3::text[]) AS n(team, index, key)
JOIN posthog_group g ON g.team_id = n.team AND g.group_type_index = n.index AND g.group_key = n.key
ORDER BY g.team_id, g.group_type_index, g.group_key COLLATE "C" FOR UPDATE OF g`

interface GroupRow {
  readonly team_id: number
  readonly group_type_index: number
  readonly group_key: string
  readonly group_properties: Properties
  readonly created_at: Date
  readonly version: number
}

export const personOf = (row: PersonRow): Person => ({
  team: row.team_id,
  uuid: row.uuid,
  createdAt: row.created_at.getTime(),
  properties: row.properties,
  isIdentified: row.is_identified,
  version: row.version,
  lastSeenAt: row.last_seen_at === null ? null : row.last_seen_at.getTime()
})

const groupOf = (row: GroupRow): Group => ({
  team: row.team_id,
  index: row.group_type_index,
  key: row.group_key,
  properties: row.group_properties,
  createdAt: row.created_at.getTime(),
  version: row.version
})

const teams = (names: ReadonlyArray<Name>) => names.map((name) => name.team)
const distinctIds = (names: ReadonlyArray<Name>) => names.map((name) => name.distinctId)

const loadPersons = Effect.fnUntraced(function* (sql: PgClient, names: ReadonlyArray<Name>, withStrays: boolean) {
  const ids = new Map<string, bigint>()
  const found = new Map<string, Found>()
  const floors = new Map<string, number>()
  if (names.length === 0) return { ids, found, floors }
  const parameters = [teams(names), distinctIds(names)]
  const uuids = withStrays ? names.map((name) => Uuid.personUuid(name.team, name.distinctId)) : []
  const rows = yield* withStrays
    ? sql.unsafe<PersonRow>(lockPersonsAndStrays, [...parameters, uuids])
    : sql.unsafe<PersonRow>(lockPersons, parameters)
  const persons = new Map<bigint, Person>()
  const strays = new Map<string, Person>()
  for (const row of rows) {
    const person = personOf(row)
    const key = personKey(row.team_id, row.uuid)
    persons.set(row.id, person)
    ids.set(key, row.id)
    if (withStrays) strays.set(key, person)
  }
  // The locking read may have waited for a merge, and then the persons that it merged away are missing; this statement
  // has a new snapshot and shows where their distinct ids went.
  const mappings = yield* sql.unsafe<{ ord: number; person_id: bigint | null; version: number; floor: number | null }>(
    readMapping,
    parameters
  )
  for (const row of mappings) {
    const name = names[row.ord - 1]!
    const key = nameKey(name.team, name.distinctId)
    if (row.floor !== null) floors.set(key, row.floor)
    if (row.person_id !== null) {
      const person = persons.get(row.person_id)
      if (person === undefined) return yield* new Conflict({ step: "mapping" })
      found.set(key, { person, mapping: { ...name, person: person.uuid, version: row.version } })
    } else if (withStrays) {
      const stray = strays.get(personKey(name.team, uuids[row.ord - 1]!))
      if (stray !== undefined) found.set(key, { person: stray, mapping: undefined })
    }
  }
  return { ids, found, floors }
})

/** Names that are only looked at: no lock, and a person that is locked is seen as locked. */
const look = Effect.fnUntraced(function* (sql: PgClient, looks: ReadonlyArray<Name>, found: Map<string, Found>) {
  const absent = looks.filter((name) => !found.has(nameKey(name.team, name.distinctId)))
  if (absent.length === 0) return
  const locked = new Map<string, Person>()
  for (const { person } of found.values()) locked.set(personKey(person.team, person.uuid), person)
  const rows = yield* sql.unsafe<PersonRow & { readonly ord: number; readonly mapping_version: number }>(readLooks, [
    teams(absent),
    distinctIds(absent)
  ])
  for (const row of rows) {
    const name = absent[row.ord - 1]!
    const person = locked.get(personKey(row.team_id, row.uuid)) ?? personOf(row)
    const mapping = { ...name, person: person.uuid, version: row.mapping_version }
    found.set(nameKey(name.team, name.distinctId), { person, mapping })
  }
})

const loadGroups = Effect.fnUntraced(function* (sql: PgClient, groups: Work["groups"]) {
  const found = new Map<string, Group>()
  if (groups.length === 0) return found
  const rows = yield* sql.unsafe<GroupRow>(lockGroups, [
    groups.map((group) => group.team),
    groups.map((group) => group.index),
    groups.map((group) => group.key)
  ])
  for (const row of rows) found.set(groupNameKey(row.team_id, row.group_type_index, row.group_key), groupOf(row))
  return found
})

/** Counted under the locks, so that nobody adds one meanwhile (spec worker 3.6). */
const count = Effect.fnUntraced(function* (sql: PgClient, ids: ReadonlyMap<string, bigint>, upTo: number) {
  const counts = new Map<string, number>()
  if (upTo <= 0 || ids.size === 0) return counts
  const rows = yield* sql.unsafe<{ id: bigint; n: number }>(countIds, [[...ids.values()], BigInt(upTo) + 1n])
  const byId = new Map(rows.map((row) => [row.id, row.n]))
  for (const [key, id] of ids) counts.set(key, byId.get(id) ?? 0)
  return counts
})

/** Steps 2 to 5. With `withStrays`, persons that hold the uuid of an unmapped name are found too. */
export const load = Effect.fnUntraced(function* (sql: PgClient, work: Work, withStrays: boolean) {
  const bounds = boundsOf(work.progress)
  const { fences, refusals } = yield* claim(sql, work.group, bounds)
  const { found, floors, ids } = yield* loadPersons(sql, work.names, withStrays)
  yield* look(sql, work.looks, found)
  const counts = yield* count(sql, ids, work.countIdsUpTo)
  const groups = yield* loadGroups(sql, work.groups)
  const snapshot: Snapshot = {
    person: (team, distinctId) => found.get(nameKey(team, distinctId)),
    floor: (team, distinctId) => floors.get(nameKey(team, distinctId)) ?? 0,
    group: (team, index, key) => groups.get(groupNameKey(team, index, key)),
    idCount: (team, uuid) => counts.get(personKey(team, uuid)) ?? 0,
    applied: (at) => at.offset < (fences.get(partitionKey(at)) ?? 0n),
    refused: (at) => refusals.get(positionKey(at))
  }
  return { snapshot, bounds, ids } satisfies Loaded
})
