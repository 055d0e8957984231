/** Groups in memory: those given are there. */
import type { EventGroup } from "@tributary/domain/function/Globals"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { EventGroups } from "../EventGroups.ts"

export interface StoredGroup extends EventGroup {
  readonly team: number
}

/** A type is known when a group of it is given. One project is one team here. */
export const layer = (groups: ReadonlyArray<StoredGroup>): Layer.Layer<EventGroups> =>
  Layer.succeed(
    EventGroups,
    EventGroups.of({
      find: (names) =>
        Effect.sync(() =>
          names.map(({ key, projectId, team, type }) => {
            const ofType = groups.filter((group) => group.team === projectId && group.type === type)
            const index = ofType[0]?.index
            if (index === undefined) return undefined
            const stored = groups.find((group) => group.team === team && group.index === index && group.key === key)
            return { type, index, key, properties: stored?.properties ?? {} }
          })
        )
    })
  )
