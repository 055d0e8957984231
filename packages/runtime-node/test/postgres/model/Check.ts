/**
 * Holds a history against its serial replay.
 *
 * Locks are strict two-phase and the outbox is written with all of them held, so the ids of outbox rows are an order in
 * which the transactions may be thought to have run one after the other. Replayed in that order on tables in memory, the
 * same fold must come to the same outcomes, the same rows and the same messages.
 */

import type { PgClient } from "@effect/sql-pg/PgClient"
import { assert } from "@effect/vitest"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as PersonTables from "@tributary/pipeline/service/memory/PersonTables"
import { transact } from "@tributary/pipeline/service/memory/PersonTransaction"
import { partitionKey } from "@tributary/pipeline/service/memory/ProgressMemory"
import { Effect } from "effect"
import type { Chance } from "./Log.ts"
import { type BatchRecord, canonical, consumer, digest, type History, historyTopic, slice } from "./Run.ts"

type Step =
  | { readonly id: bigint; readonly batch: BatchRecord }
  | { readonly id: bigint; readonly deleted: ReadonlyArray<string> }

const stepsOf = ({ deletions, published }: History): ReadonlyArray<Step> => {
  const steps = new Map<bigint, Step>()
  for (const { id, topic, value } of published) {
    if (topic === historyTopic) steps.set(id, { id, batch: JSON.parse(value) })
  }
  for (const [id, deleted] of deletions) steps.set(id, { id, deleted })
  return [...steps.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

const replay = (history: History): PersonTables.PersonTables => {
  const { log } = history
  const tables = PersonTables.makeTables()
  const next = log.partitions.map(() => 0)
  for (const step of stepsOf(history)) {
    if ("deleted" in step) {
      for (const uuid of step.deleted) PersonTables.deletePerson(tables, log.team, uuid)
      continue
    }
    const { exact, fresh, from, outcomes, partition, to } = step.batch
    for (const [i, isFresh] of fresh.entries()) {
      if (isFresh) {
        assert.strictEqual(from + i, next[partition], "each position once, in order")
        next[partition] = from + i + 1
      } else assert.isBelow(from + i, next[partition]!, "applied for good before it was skipped")
    }
    const { fold, work } = slice(log, { partition, from, to })
    const { result } = transact(tables, work, fold)
    result.outcomes.forEach((outcome, i) => {
      if (exact[i] === true) assert.strictEqual(digest(outcome), outcomes[i], `outcome of ${partition}:${from + i}`)
    })
  }
  log.partitions.forEach((events, partition) => {
    assert.strictEqual(next[partition], events.length, `all of partition ${partition}`)
  })
  return tables
}

/** The message with its inner JSON read, so that the order of keys does not matter. */
const read = ({ topic, value }: { readonly topic: string; readonly value: string }) => {
  const row = JSON.parse(value)
  const inner = Object.fromEntries(
    ["properties", "group_properties"].flatMap((name) => (name in row ? [[name, JSON.parse(row[name])]] : []))
  )
  return { topic, row: { ...row, ...inner } }
}

const sorted = (texts: Iterable<string>) => [...texts].sort()

const rows = Effect.fnUntraced(function* (sql: PgClient, team: number, topic: string) {
  const persons = yield* sql<{ uuid: string; version: number }>`
    SELECT team_id AS team, uuid, (extract(epoch FROM created_at) * 1000)::float8 AS "createdAt", is_identified AS "isIdentified",
      version::float8 AS version, (extract(epoch FROM last_seen_at) * 1000)::float8 AS "lastSeenAt", properties,
      properties_last_updated_at AS "lastUpdatedAt", properties_last_operation AS "lastOperation"
    FROM posthog_person WHERE team_id = ${team}`
  const mappings = yield* sql<{ distinctId: string; person: string; version: number }>`
    SELECT d.team_id AS team, d.distinct_id AS "distinctId", p.uuid AS person, d.version::float8 AS version
    FROM posthog_persondistinctid d JOIN posthog_person p ON p.id = d.person_id WHERE d.team_id = ${team}`
  const groups = yield* sql`
    SELECT team_id AS team, group_type_index AS index, group_key AS key, (extract(epoch FROM created_at) * 1000)::float8 AS "createdAt",
      version::float8 AS version, group_properties AS properties FROM posthog_group WHERE team_id = ${team}`
  const floors = yield* sql<{ distinct_id: string; floor: number }>`
    SELECT distinct_id, floor::float8 AS floor FROM tributary_deleted WHERE team_id = ${team}`
  const progress = yield* sql<{ partition: number; next_offset: bigint }>`
    SELECT partition, next_offset FROM tributary_progress WHERE consumer_group = ${consumer} AND topic = ${topic}`
  const refusals = yield* sql<{ partition: number; log_offset: bigint; outcome: unknown }>`
    SELECT partition, log_offset, outcome FROM tributary_refused WHERE consumer_group = ${consumer} AND topic = ${topic}`
  const outbox = yield* sql`SELECT id FROM tributary_outbox`
  return { persons, mappings, groups, floors, progress, refusals, outbox }
})

type Rows = Effect.Success<ReturnType<typeof rows>>

const compareRows = (found: Rows, expected: PersonTables.PersonTables, { team, topic }: History["log"]): void => {
  const same = (name: string, ours: Iterable<unknown>, theirs: Iterable<unknown>) =>
    assert.deepStrictEqual(sorted([...ours].map(canonical)), sorted([...theirs].map(canonical)), name)
  const parsed = <A extends { readonly json: string }>({ json, ...row }: A) => ({
    ...row,
    properties: JSON.parse(json)
  })
  same("persons", found.persons, [...expected.persons.values()].map(parsed))
  same("mappings", found.mappings, expected.mappings.values())
  same("groups", found.groups, [...expected.groups.values()].map(parsed))
  same(
    "floors",
    found.floors.map((row) => [`${team}:${row.distinct_id}`, row.floor]),
    expected.floors
  )
  for (const row of found.progress) {
    const there = expected.progress.rows.get(partitionKey(consumer, topic, row.partition))
    assert.strictEqual(row.next_offset, there?.nextOffset)
  }
  same(
    "refusals",
    found.refusals.map((row) => [row.partition, String(row.log_offset), row.outcome]),
    [...expected.progress.refusals].flatMap(([key, byOffset]) =>
      [...byOffset].map(([offset, outcome]) => [JSON.parse(key)[2], String(offset), outcome])
    )
  )
}

/** What must hold of the rows whatever happened. */
const checkInvariants = ({ mappings, outbox, persons }: Rows, { team }: History["log"]): void => {
  const owners = new Set(mappings.map((mapping) => mapping.person))
  for (const person of persons) assert.isTrue(owners.has(person.uuid), "no person without a distinct id")
  for (const { distinctId, person, version } of mappings) {
    if (version === 0)
      assert.strictEqual(person, Uuid.personUuid(team, distinctId), "version 0 only where uuid = U(did)")
  }
  assert.deepStrictEqual(outbox, [], "the outbox is drained")
}

/** ClickHouse keeps the row with the highest version, in whatever order they come. */
const checkTables = (published: History["published"], found: Rows, random: Chance): void => {
  const tables = new Map<string, { readonly version: number; readonly text: string; readonly isDeleted: boolean }>()
  const shuffled = published.map((row) => [random.int(2 ** 31), row] as const).sort(([a], [b]) => a - b)
  for (const [, message] of shuffled) {
    if (message.topic === historyTopic) continue
    const { row, topic } = read(message)
    const key = `${topic} ${row.id ?? row.distinct_id ?? `${row.group_type_index}:${row.group_key}`}`
    const before = tables.get(key)
    const text = canonical(row)
    if (before?.version === row.version) assert.strictEqual(text, before?.text, "one version, one content")
    if (before === undefined || row.version > before.version) {
      tables.set(key, { version: row.version, text, isDeleted: row.is_deleted === 1 })
    }
  }
  const living = sorted(
    [...tables].filter(([, { isDeleted }]) => !isDeleted).map(([key, { version }]) => `${key} ${version}`)
  )
  const expected = sorted([
    ...found.persons.map((row) => `clickhouse_person ${row.uuid} ${row.version}`),
    ...found.mappings.map((row) => `clickhouse_person_distinct_id ${row.distinctId} ${row.version}`),
    ...found.groups.map(
      (row) => `clickhouse_groups ${String(row["index"])}:${String(row["key"])} ${String(row["version"])}`
    )
  ])
  assert.deepStrictEqual(living, expected, "ClickHouse's tables equal PostgreSQL's")
}

/** Each message was written once, and is the one that the replay writes. */
const compareMessages = (published: History["published"], expected: PersonTables.PersonTables): void => {
  const unique = new Map(published.filter((row) => row.topic !== historyTopic).map((row) => [row.id, row]))
  assert.deepStrictEqual(
    sorted([...unique.values()].map((row) => canonical(read(row)))),
    sorted([...expected.outbox.values()].map((row) => canonical(read(row))))
  )
}

export const check = Effect.fnUntraced(function* (sql: PgClient, history: History, random: Chance) {
  const found = yield* rows(sql, history.log.team, history.log.topic)
  checkInvariants(found, history.log)
  checkTables(history.published, found, random)
  const expected = replay(history)
  compareRows(found, expected, history.log)
  compareMessages(history.published, expected)
})
