/**
 * Guarantee 4: what ClickHouse shows of people, mappings and groups, once it has merged its rows, is what the store holds; every event
 * leads to whom its distinct id belongs to; a row that adds up counts once (spec worker 9.2, P19 to P22, P39).
 */
import * as DistinctIdRow from "@tributary/domain/row/DistinctIdRow"
import * as GroupRow from "@tributary/domain/row/GroupRow"
import * as PersonRow from "@tributary/domain/row/PersonRow"
import * as Topics from "@tributary/domain/row/Topics"
import type { Row } from "../../service/memory/ClickHouseSinkMemory.ts"
import { groupOf, personOf } from "../../service/memory/PersonTables.ts"
import * as Workload from "../Workload.ts"
import type { World } from "../world/World.ts"

const place = new Set(["_timestamp", "_offset", "_partition"])

const text = (row: object): string =>
  JSON.stringify(
    Object.entries(row)
      .filter(([name]) => !place.has(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
  )

/** The row with the highest version of each key. */
const merge = (
  rows: ReadonlyArray<Row>,
  keyOf: (row: Row) => string,
  found: Array<string>
): ReadonlyMap<string, Row> => {
  const newest = new Map<string, Row>()
  for (const row of rows) {
    const key = keyOf(row)
    const before = newest.get(key)
    if (before === undefined || Number(row["version"]) > Number(before["version"])) newest.set(key, row)
    else if (row["version"] === before["version"] && text(row) !== text(before)) {
      found.push(`${key} has two rows of version ${row["version"]}: ${text(row)} and ${text(before)}`)
    }
  }
  return newest
}

export const violations = (
  { clickhouse, log, postgres: { tables } }: World,
  byUuid: ReadonlyMap<string, Workload.Action>
): ReadonlyArray<string> => {
  const found: Array<string> = []
  const rowsOf = (table: string): ReadonlyArray<Row> => clickhouse.tables.rows.get(table) ?? []
  const compare = (table: string, keyOf: (row: Row) => string, expected: ReadonlyArray<string>) => {
    const newest = merge(rowsOf(table), keyOf, found)
    const shown = new Map([...newest].filter(([, row]) => row["is_deleted"] !== 1))
    const wanted = new Map(
      expected.map((json) => {
        const row: Row = JSON.parse(json)
        return [keyOf(row), row]
      })
    )
    for (const [key, row] of wanted) {
      const there = shown.get(key)
      if (there === undefined) found.push(`${table}: ClickHouse does not show ${key}`)
      else if (text(there) !== text(row)) found.push(`${table}: ClickHouse shows ${text(there)} for ${text(row)}`)
    }
    for (const key of shown.keys()) if (!wanted.has(key)) found.push(`${table}: ClickHouse shows ${key}, which is gone`)
    return shown
  }

  const uuids = new Map(tables.persons.entries().map(([id, { uuid }]) => [id, uuid]))
  const mappingKey = (row: Row) => `${row["team_id"]}:${row["distinct_id"]}`
  compare(
    "person",
    (row) => `${row["team_id"]}:${row["id"]}`,
    tables.persons.entries().map(([, row]) => PersonRow.encode({ ...personOf(row), json: row.json }))
  )
  compare(
    "person_distinct_id2",
    mappingKey,
    tables.mappings
      .entries()
      .map(([, { distinctId, personId, team, version }]) =>
        DistinctIdRow.encode({ team, distinctId, version, person: uuids.get(personId) ?? "" })
      )
  )
  compare(
    "groups",
    (row) => `${row["team_id"]}:${row["group_type_index"]}:${row["group_key"]}`,
    tables.groups.entries().map(([, row]) => GroupRow.encode({ ...groupOf(row), json: row.json, isNew: false }))
  )

  const overrides = merge(rowsOf("person_distinct_id_overrides"), mappingKey, found)
  for (const row of rowsOf("events")) {
    const action = byUuid.get(String(row["uuid"]))
    if (action !== undefined && row["team_id"] !== Workload.teamOf(action.token)) {
      found.push(`event ${action.n} is in project ${String(row["team_id"])}`)
    }
    const mapping = tables.mappings.read(mappingKey(row))
    if (mapping === undefined) continue
    const resolved = overrides.get(mappingKey(row))?.["person_id"] ?? row["person_id"]
    if (resolved !== uuids.get(mapping.personId)) {
      found.push(`event ${action?.n} of ${mappingKey(row)} leads to ${String(resolved)}`)
    }
  }

  const count = (rows: ReadonlyArray<Row>): number => rows.reduce((sum, row) => sum + Number(row["count"]), 0)
  const sent = log.memory
    .records(Topics.clickhouseAppMetrics)
    .map(({ value }): Row => JSON.parse(new TextDecoder().decode(value ?? undefined)))
  const [counted, due] = [count(rowsOf("app_metrics2")), count(sent)]
  if (counted !== due) found.push(`app_metrics2 counts ${counted} where the log says ${due}`)
  return found
}
