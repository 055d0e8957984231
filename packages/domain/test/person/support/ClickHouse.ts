/** What ClickHouse makes of the messages: of all rows with one key, the one with the highest version counts. */
import type { OutboxMessage } from "@tributary/domain/person/Snapshot"
import * as Topics from "@tributary/domain/row/Topics"

export interface PersonRow {
  readonly id: string
  readonly team_id: number
  readonly created_at: string
  readonly properties: string
  readonly is_identified: number
  readonly is_deleted: number
  readonly version: number
  readonly last_seen_at: string | null
}
export interface DistinctIdRow {
  readonly distinct_id: string
  readonly person_id: string
  readonly team_id: number
  readonly version: number
  readonly is_deleted: number
}
export interface GroupRow {
  readonly group_type_index: number
  readonly group_key: string
  readonly team_id: number
  readonly group_properties: string
  readonly created_at: string
  readonly version: number
}

export interface ClickHouse {
  readonly persons: Map<string, PersonRow>
  readonly distinctIds: Map<string, DistinctIdRow>
  /** `person_distinct_id_overrides`: mappings with a version above 0. */
  readonly overrides: Map<string, DistinctIdRow>
  readonly groups: Map<string, GroupRow>
  /** Every version that was sent for a uuid or a distinct id, in order. */
  readonly versions: Map<string, Array<number>>
}

export const makeClickHouse = (): ClickHouse => ({
  persons: new Map(),
  distinctIds: new Map(),
  overrides: new Map(),
  groups: new Map(),
  versions: new Map()
})

const put = <A extends { readonly version: number }>(rows: Map<string, A>, key: string, row: A): void => {
  const known = rows.get(key)
  // Which of two rows with one version counts is anybody's guess, so there must never be two that differ.
  if (known?.version === row.version && JSON.stringify(known) !== JSON.stringify(row)) {
    throw new Error(`two rows of one version: ${JSON.stringify(known)} and ${JSON.stringify(row)}`)
  }
  if (known === undefined || row.version > known.version) rows.set(key, row)
}

const note = (clickhouse: ClickHouse, key: string, version: number): void => {
  const known = clickhouse.versions.get(key)
  if (known === undefined) clickhouse.versions.set(key, [version])
  else known.push(version)
}

export const insert = (clickhouse: ClickHouse, messages: ReadonlyArray<OutboxMessage>): void => {
  for (const { topic, value } of messages) {
    if (topic === Topics.clickhousePerson) {
      const row: PersonRow = JSON.parse(value)
      const key = `${row.team_id}:${row.id}`
      put(clickhouse.persons, key, row)
      note(clickhouse, `person ${key}`, row.version)
    } else if (topic === Topics.clickhousePersonDistinctId) {
      const row: DistinctIdRow = JSON.parse(value)
      const key = `${row.team_id}:${row.distinct_id}`
      put(clickhouse.distinctIds, key, row)
      if (row.version > 0) put(clickhouse.overrides, key, row)
      note(clickhouse, `distinct id ${key}`, row.version)
    } else if (topic === Topics.clickhouseGroups) {
      const row: GroupRow = JSON.parse(value)
      put(clickhouse.groups, `${row.team_id}:${row.group_type_index}:${row.group_key}`, row)
    } else throw new Error(`no table reads ${topic}`)
  }
}
