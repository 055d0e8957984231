/** What every layer of `EventGroups` promises. */
import { assert, layer } from "@effect/vitest"
import { EventGroups } from "@tributary/pipeline/service/EventGroups"
import type { StoredGroup } from "@tributary/pipeline/service/memory/EventGroupsMemory"
import { Effect, type Layer } from "effect"

/** What has to be stored. Projects have the ids of their teams. */
export const stored: ReadonlyArray<StoredGroup> = [
  { team: 1, type: "company", index: 0, key: "acme", properties: { plan: "pro", seats: 5 } },
  { team: 1, type: "team", index: 1, key: "acme", properties: { size: 3 } },
  { team: 2, type: "company", index: 3, key: "acme", properties: { plan: "free" } }
]

export const eventGroupsContract = <E>(name: string, implementation: Layer.Layer<EventGroups, E>) =>
  layer(implementation)(`EventGroups: ${name}`, (it) => {
    it.effect("finds groups by project, type and key, and answers in order", () =>
      Effect.gen(function* () {
        const groups = yield* EventGroups
        const found = yield* groups.find([
          { team: 1, projectId: 1, type: "team", key: "acme" },
          { team: 1, projectId: 1, type: "planet", key: "acme" },
          { team: 1, projectId: 1, type: "company", key: "unknown" },
          { team: 2, projectId: 2, type: "company", key: "acme" },
          { team: 1, projectId: 1, type: "company", key: "acme" }
        ])
        assert.deepStrictEqual(found, [
          { type: "team", index: 1, key: "acme", properties: { size: 3 } },
          undefined,
          { type: "company", index: 0, key: "unknown", properties: {} },
          { type: "company", index: 3, key: "acme", properties: { plan: "free" } },
          { type: "company", index: 0, key: "acme", properties: { plan: "pro", seats: 5 } }
        ])
        assert.deepStrictEqual(yield* groups.find([]), [])
      })
    )
  })
