/** Groups of events, with what is stored of them: for filters and templates of destinations (spec cdp 1.3). */

import type { EventGroup } from "@tributary/domain/function/Globals"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "./StoreError.ts"

/** A group as an event names it. */
export interface NamedGroup {
  readonly team: number
  /** Group types belong to it. */
  readonly projectId: number
  readonly type: string
  readonly key: string
}

export class EventGroups extends Context.Service<
  EventGroups,
  {
    /**
     * By index: undefined where the project has no such type; empty properties where the group is not stored. One query
     * for all, nothing is cached and nothing is registered.
     */
    readonly find: (
      groups: ReadonlyArray<NamedGroup>
    ) => Effect.Effect<ReadonlyArray<EventGroup | undefined>, StoreError>
  }
>()("@tributary/pipeline/EventGroups") {}
