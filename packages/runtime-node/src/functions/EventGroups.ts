/** Groups of events from `posthog_grouptypemapping` and `posthog_group` (spec worker 4.1). */
import { isProperties } from "@tributary/domain/event/Properties"
import { EventGroups } from "@tributary/pipeline/service/EventGroups"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { PersonsDatabase } from "../postgres/Database.ts"
import * as SqlFailure from "../postgres/SqlFailure.ts"

const select = `
SELECT x.ord::int AS ord, t.group_type_index, g.group_properties
FROM unnest($1::int[], $2::bigint[], $3::text[], $4::text[]) WITH ORDINALITY AS x(team, project, type, key, ord)
JOIN posthog_grouptypemapping t ON t.project_id = x.project AND t.group_type = x.type
LEFT JOIN posthog_group g ON g.team_id = x.team AND g.group_key = x.key AND g.group_type_index = t.group_type_index`

interface Found {
  /** From 1. */
  readonly ord: number
  readonly group_type_index: number
  readonly group_properties: unknown
}

export const layer: Layer.Layer<EventGroups, never, PersonsDatabase> = Layer.effect(
  EventGroups,
  Effect.map(PersonsDatabase, (sql) =>
    EventGroups.of({
      find: Effect.fnUntraced(
        function* (groups) {
          if (groups.length === 0) return []
          const rows = yield* sql.unsafe<Found>(select, [
            groups.map(({ team }) => team),
            groups.map(({ projectId }) => BigInt(projectId)),
            groups.map(({ type }) => type),
            groups.map(({ key }) => key)
          ])
          const byOrd = new Map(rows.map((row) => [row.ord, row]))
          return groups.map(({ key, type }, index) => {
            const row = byOrd.get(index + 1)
            if (row === undefined) return undefined
            const properties = isProperties(row.group_properties) ? row.group_properties : {}
            return { type, index: row.group_type_index, key, properties }
          })
        },
        SqlFailure.orUnavailable("EventGroups", "find")
      )
    })
  )
)
