/** Group types in memory: the smallest free index of 0 … 4, by project; a sixth type has none. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GroupTypes } from "../GroupTypes.ts"

const maxTypes = 5

/** The same limit as the column's. */
const maxNameLength = 400

export interface GroupTypeRow {
  readonly team: number
  readonly projectId: number
  readonly groupType: string
  readonly index: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** `rows` are the types that are there; new ones are pushed to it. */
export const layer = (rows: Array<GroupTypeRow> = []): Layer.Layer<GroupTypes> => {
  const find = (projectId: number, groupType: string) =>
    rows.find((row) => row.projectId === projectId && row.groupType === groupType)
  return Layer.succeed(
    GroupTypes,
    GroupTypes.of({
      resolve: (requests) =>
        Effect.sync(() => {
          for (const { groupType, project, timestamp } of requests) {
            if (groupType.length > maxNameLength || find(project.projectId, groupType) !== undefined) continue
            const taken = new Set(rows.filter((row) => row.projectId === project.projectId).map((row) => row.index))
            let index = 0
            while (taken.has(index)) index++
            if (index >= maxTypes) continue
            rows.push({ team: project.id, projectId: project.projectId, groupType, index, createdAt: timestamp })
          }
          const resolved = [...rows]
          return (projectId, groupType) =>
            resolved.find((row) => row.projectId === projectId && row.groupType === groupType)?.index
        })
    })
  )
}
