import { assert, describe, it } from "@effect/vitest"
import { GroupTypes as Service } from "@tributary/pipeline/service/GroupTypes"
import { Effect, Layer } from "effect"
import { groupTypesContract } from "../../../pipeline/test/contract/GroupTypes.ts"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import * as GroupTypes from "../../src/postgres/GroupTypes.ts"
import * as TestDatabase from "./TestDatabase.ts"

groupTypesContract("PostgreSQL", GroupTypes.layer.pipe(Layer.provide(TestDatabase.layer)))

const project = { id: 7, projectId: 5 }
const request = (groupType: string) => ({ project, groupType, timestamp: Date.UTC(2026, 0, 2) })

describe("GroupTypes in PostgreSQL", () => {
  it.live("workers of their own that register at once agree, without a gap", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      const named = ["a", "b", "c", "d", "e", "f", "g"]
      const maps = yield* Effect.forEach(
        Array.from({ length: 8 }, (_, i) => i),
        (i) =>
          Effect.gen(function* () {
            const turned = [...named.slice(i % 7), ...named.slice(0, i % 7)]
            const indexOf = yield* GroupTypes.make(sql).resolve(turned.map(request))
            // A worker may have cached a type that was not yet taken; asked once more, all know all.
            return named.map((groupType) => indexOf(project.projectId, groupType))
          }),
        { concurrency: "unbounded" }
      )
      for (const indexes of maps) assert.deepStrictEqual(indexes, maps[0])
      const rows = yield* sql<{ n: number }>`SELECT group_type_index AS n FROM posthog_grouptypemapping ORDER BY 1`
      assert.deepStrictEqual(
        rows.map((row) => row.n),
        [0, 1, 2, 3, 4]
      )
    }).pipe(Effect.provide(TestDatabase.layer))
  )

  it.live("a new type is stored with its team, its project and the time of its event", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      const types = yield* Service
      yield* types.resolve([request("company")])
      const rows =
        yield* sql`SELECT team_id, project_id, group_type, group_type_index, created_at FROM posthog_grouptypemapping`
      assert.deepStrictEqual(rows, [
        {
          team_id: 7,
          project_id: 5n,
          group_type: "company",
          group_type_index: 0,
          created_at: new Date(Date.UTC(2026, 0, 2))
        }
      ])
    }).pipe(Effect.provide(GroupTypes.layer.pipe(Layer.provideMerge(TestDatabase.layer))))
  )
})
