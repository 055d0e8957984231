import type { Project } from "@tributary/domain/project/Project"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "./StoreError.ts"

/**
 * Projects by token and by team id, cached (spec worker 1.4): a hit for two minutes and up to 30 s of jitter, a miss for
 * 10 s at most; concurrent misses share one query; at most 100,000 entries. While the database is away, cached projects
 * serve however old they are; only a token that is not cached fails.
 */
export class ProjectStore extends Context.Service<
  ProjectStore,
  {
    /** The project of each token, undefined for tokens of no project. One query for all that are not cached. */
    readonly byTokens: (
      tokens: ReadonlySet<string>
    ) => Effect.Effect<ReadonlyMap<string, Project | undefined>, StoreError>
    readonly byIds: (ids: ReadonlySet<number>) => Effect.Effect<ReadonlyMap<number, Project | undefined>, StoreError>
    /** What the cache knows of a token this instant: undefined = nothing, null = no such project. No I/O. */
    readonly peek: (token: string) => Project | null | undefined
    /** Sets `ingested_event`, once a process and project; best effort. */
    readonly markIngested: (ids: ReadonlyArray<number>) => Effect.Effect<void, StoreError>
  }
>()("@tributary/pipeline/ProjectStore") {}
