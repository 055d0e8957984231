/**
 * Group types in `posthog_grouptypemapping`, cached for 30 s per project (spec worker 4.2).
 *
 * Unknown types are registered one after the other, each in a statement and commit of its own (guides postgres 1): no gap
 * between indexes, and none twice, however many workers do it at once.
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import { type GroupTypeRequest, GroupTypes } from "@tributary/pipeline/service/GroupTypes"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PersonsDatabase } from "./Database.ts"
import * as SqlFailure from "./SqlFailure.ts"

const selectTypes = `SELECT project_id::float8 AS project_id, group_type, group_type_index FROM posthog_grouptypemapping WHERE project_id = ANY($1::bigint[])`

/** Takes the smallest free index; no row where there is none, where the type is there, or where another was faster. */
const insertType = `
INSERT INTO posthog_grouptypemapping (team_id, project_id, group_type, group_type_index, created_at)
SELECT $1::int, $2::bigint, $3::text, i, $4::timestamptz FROM generate_series(0, 4) AS i
WHERE NOT EXISTS (SELECT FROM posthog_grouptypemapping m
  WHERE m.project_id = $2::bigint AND (m.group_type_index = i OR m.group_type = $3::text))
ORDER BY i LIMIT 1 ON CONFLICT DO NOTHING RETURNING group_type_index`

const maxTypes = 5
const freshMs = 30_000
/** The column's width; a longer name cannot be a type. */
const maxNameLength = 400

type Indexes = Map<string, number>

interface Cached {
  readonly indexes: Indexes
  readonly until: number
}

export const make = (sql: PgClient): GroupTypes["Service"] => {
  const cache = new Map<number, Cached>()

  const read = Effect.fnUntraced(function* (projectIds: ReadonlyArray<number>) {
    const now = yield* Clock.currentTimeMillis
    const rows = yield* sql.unsafe<{ project_id: number; group_type: string; group_type_index: number }>(selectTypes, [
      projectIds.map(BigInt)
    ])
    for (const id of projectIds) cache.set(id, { indexes: new Map(), until: now + freshMs })
    for (const row of rows) cache.get(row.project_id)?.indexes.set(row.group_type, row.group_type_index)
  })

  const register = Effect.fnUntraced(function* (request: GroupTypeRequest) {
    const { groupType, project, timestamp } = request
    while (true) {
      const indexes = cache.get(project.projectId)?.indexes
      if (indexes !== undefined && (indexes.has(groupType) || indexes.size >= maxTypes)) return
      const [row] = yield* sql.unsafe<{ group_type_index: number }>(insertType, [
        project.id,
        BigInt(project.projectId),
        groupType,
        new Date(timestamp)
      ])
      if (row !== undefined) return void indexes?.set(groupType, row.group_type_index)
      yield* read([project.projectId])
    }
  })

  return GroupTypes.of({
    resolve: Effect.fnUntraced(
      function* (requests) {
        const now = yield* Clock.currentTimeMillis
        const projectIds = new Set(requests.map((request) => request.project.projectId))
        const stale = [...projectIds].filter((id) => (cache.get(id)?.until ?? 0) <= now)
        if (stale.length > 0) yield* read(stale)
        for (const request of requests) {
          if (request.groupType.length <= maxNameLength) yield* register(request)
        }
        const resolved = new Map([...projectIds].map((id) => [id, cache.get(id)?.indexes]))
        return (projectId: number, groupType: string) => resolved.get(projectId)?.get(groupType)
      },
      SqlFailure.orUnavailable("GroupTypes", "resolve")
    )
  })
}

export const layer: Layer.Layer<GroupTypes, never, PersonsDatabase> = Layer.effect(
  GroupTypes,
  Effect.map(PersonsDatabase, make)
)
