/**
 * `ClickHouseSink` in memory: tables as lists of rows, in the order of their inserts. It keeps what an insert token counted,
 * and refuses the rows that ClickHouse refuses, each with the whole insert. It neither merges nor collapses rows.
 */
import * as Json from "@tributary/domain/event/Json"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ClickHouseError, ClickHouseSink, type InsertRequest } from "../ClickHouseSink.ts"

/** Known columns only, as the JSON of the message had them. */
export type Row = Readonly<Record<string, unknown>>

/** What survives a restart of whoever inserts: make it once and give it to each layer. */
export interface ClickHouseTables {
  readonly rows: Map<string, Array<Row>>
  /** By table. */
  readonly tokens: Map<string, Set<string>>
}

export const makeTables = (): ClickHouseTables => ({
  rows: new Map([...columns.keys()].map((table) => [table, []])),
  tokens: new Map()
})

/** Whether ClickHouse takes this JSON value for a column of that type; null is always taken, as the type's default. */
type Type = (value: unknown) => boolean

const isUuid = /^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i
const isTime = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.\d+)?Z?)?$/

const text: Type = (value) => typeof value !== "string" || value.isWellFormed()
const uuid: Type = (value) => typeof value === "string" && isUuid.test(value)
const integer: Type = (value) =>
  typeof value === "string" ? /^-?\d*$/.test(value) : typeof value === "boolean" || Number.isInteger(value)
const natural: Type = (value) => integer(value) && !String(value).startsWith("-")
const bool: Type = (value) => typeof value === "boolean" || value === 0 || value === 1
const mode: Type = (value) => ["full", "propertyless", "force_upgrade", 0, 1, 2].some((known) => known === value)
const map: Type = (value) => typeof value === "object" && !Array.isArray(value)
const time: Type = (value) => {
  if (typeof value === "number") return Number.isFinite(value)
  const [, year, month, day] = typeof value === "string" ? (isTime.exec(value) ?? []) : []
  if (year === undefined || month === undefined || day === undefined) return false
  // A day that the month does not have would be carried over into the next one.
  return new Date(`${year}-${month}-${day}T00:00:00Z`).toISOString().startsWith(`${year}-${month}-${day}`)
}

const place = { _timestamp: time, _offset: natural }
const partition = { _partition: natural }
const mapping = {
  ...{ team_id: integer, distinct_id: text, person_id: uuid, is_deleted: integer, version: integer },
  ...place,
  ...partition
}

/** The columns of `schema.sql` that a row may bring (spec worker 5). */
const columns = new Map<string, Map<string, Type>>(
  Object.entries({
    events: {
      ...{ uuid, event: text, properties: text, timestamp: time, team_id: integer, distinct_id: text },
      ...{ elements_chain: text, created_at: time, person_id: uuid, person_created_at: time, person_properties: text },
      ...{ person_mode: mode, historical_migration: bool },
      ...Object.fromEntries(
        [0, 1, 2, 3, 4].flatMap((i) => [
          [`group${i}_properties`, text],
          [`group${i}_created_at`, time]
        ])
      ),
      ...place
    },
    person: {
      ...{ id: uuid, created_at: time, team_id: integer, properties: text, is_identified: integer },
      ...{ is_deleted: integer, version: natural, last_seen_at: time },
      ...place
    },
    person_distinct_id2: mapping,
    person_distinct_id_overrides: mapping,
    groups: {
      ...{ group_type_index: natural, group_key: text, created_at: time, team_id: integer },
      ...{ group_properties: text, version: natural },
      ...place
    },
    ingestion_warnings: {
      ...{ team_id: integer, source: text, type: text, details: text, timestamp: time },
      ...place,
      ...partition
    },
    app_metrics2: {
      ...{ team_id: integer, timestamp: time, app_source: text, app_source_id: text, instance_id: text },
      ...{ metric_kind: text, metric_name: text, count: integer },
      ...place
    },
    log_entries: {
      ...{ team_id: integer, log_source: text, log_source_id: text, instance_id: text, timestamp: time },
      ...{ level: text, message: text },
      ...place
    },
    heatmaps: {
      ...{ session_id: text, team_id: integer, distinct_id: text, timestamp: time, x: integer, y: integer },
      ...{ scale_factor: integer, viewport_width: integer, viewport_height: integer, pointer_target_fixed: bool },
      ...{ current_url: text, type: text },
      ...place,
      ...partition
    },
    dead_letters: {
      ...{ topic: text, partition: integer, offset: integer, team_id: integer, token: text, distinct_id: text },
      ...{ event: text, uuid: text, reason: text, step: text, error: text, timestamp: time, headers: map },
      ...{ key: text, value: text },
      ...place,
      ...partition
    },
    kafka_errors: { topic: text, partition: integer, offset: integer, raw: text, error: text, _timestamp: time }
  }).map(([table, types]) => [table, new Map(Object.entries<Type>(types))])
)

const refuse = (message: string) => new ClickHouseError({ reason: "RowRefused", code: 117, message })

const parse = (line: string): unknown => {
  try {
    return Json.parse(line)
  } catch {
    return undefined
  }
}

const readRow = (types: ReadonlyMap<string, Type>, line: string, number: number): Row | ClickHouseError => {
  const value = parse(line)
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return refuse(`not an object: (at row ${number})`)
  const known = Object.entries(value).filter(([column]) => types.has(column))
  const wrong = known.find(([column, cell]) => cell !== null && types.get(column)?.(cell) !== true)
  return wrong === undefined
    ? Object.fromEntries(known)
    : refuse(`while reading the value of key ${wrong[0]}: (at row ${number})`)
}

const insert = (tables: ClickHouseTables, { table, rows, token }: InsertRequest): ClickHouseError | undefined => {
  const types = columns.get(table)
  const target = tables.rows.get(table)
  if (types === undefined || target === undefined) {
    return new ClickHouseError({ reason: "Unavailable", code: 60, message: `Table ${table} does not exist` })
  }
  const read: Array<Row> = []
  for (const [i, line] of new TextDecoder().decode(rows).split("\n").entries()) {
    if (line === "") continue
    const row = readRow(types, line, i + 1)
    if (row instanceof ClickHouseError) return row
    read.push(row)
  }
  const counted = tables.tokens.get(table) ?? new Set()
  tables.tokens.set(table, counted)
  if (counted.has(token)) return undefined
  counted.add(token)
  target.push(...read)
  if (table === "person_distinct_id2") {
    tables.rows.get("person_distinct_id_overrides")?.push(...read.filter(({ version }) => Number(version ?? 0) > 0))
  }
  return undefined
}

export const make = (tables: ClickHouseTables): ClickHouseSink["Service"] =>
  ClickHouseSink.of({
    insert: (request) =>
      Effect.suspend(() => {
        const error = insert(tables, request)
        return error === undefined ? Effect.void : Effect.fail(error)
      })
  })

export const layer = (tables: ClickHouseTables): Layer.Layer<ClickHouseSink> =>
  Layer.succeed(ClickHouseSink, make(tables))
