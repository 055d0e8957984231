import type { GroupTypeIndex } from "@tributary/domain/group/Group"
import type { Project } from "@tributary/domain/project/Project"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "./StoreError.ts"

/** A group type that an event names. */
export interface GroupTypeRequest {
  readonly project: Pick<Project, "id" | "projectId">
  readonly groupType: string
  /** The event's time, ms since the epoch: `created_at` of a type that is new. */
  readonly timestamp: number
}

/**
 * Group types of projects: name → index 0 … 4, at most five (spec worker 4.2). Cached for 30 s per project.
 *
 * `resolve` registers unknown types, in the order given, each in a statement and commit of its own before the batch
 * transaction; two workers that register at once agree. A sixth type has no index.
 */
export class GroupTypes extends Context.Service<
  GroupTypes,
  { readonly resolve: (requests: ReadonlyArray<GroupTypeRequest>) => Effect.Effect<GroupTypeIndex, StoreError> }
>()("@tributary/pipeline/GroupTypes") {}
