import type { Folded, OutboxMessage, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { StoreError } from "./StoreError.ts"

/** A row of the outbox that is committed and not yet acknowledged by the log. */
export interface OutboxRow extends OutboxMessage {
  readonly id: bigint
}

/**
 * People, distinct ids, groups, progress and outbox: one database, one transaction a batch (spec worker 2.7).
 */
export class PersonStore extends Context.Service<
  PersonStore,
  {
    /**
     * Locks and reads what `work` names, folds, and writes all changes, the outbox rows, the refusals and the new
     * progress: all or nothing. Conflicts are repeated inside, so the fold may run several times and must be pure; what
     * has to happen once happens after it. The progress is raised past every position of `work`. The outbox rows come
     * back so that the caller can publish them from memory.
     */
    readonly transact: <A>(
      work: Work,
      fold: (snapshot: Snapshot) => Folded<A>
    ) => Effect.Effect<{ readonly result: A; readonly outbox: ReadonlyArray<OutboxRow> }, StoreError>
    /** Forgets outbox rows that the log has acknowledged. Never waits for a row that a sweep holds: that one stays. */
    readonly published: (ids: ReadonlyArray<bigint>) => Effect.Effect<void, StoreError>
    /** Marks rows that the log refuses for good; they stay, and no sweep takes them again. */
    readonly refusedByLog: (ids: ReadonlyArray<bigint>) => Effect.Effect<void, StoreError>
    /**
     * Publishes what crashes left behind: hands rows older than `olderThanMs` to `publish` in slices, inside the
     * transaction that deletes them. `publish` answers with the ids that the log refuses; those are marked instead.
     * Answers with the number of rows published.
     */
    readonly sweep: <E>(
      olderThanMs: number,
      publish: (rows: ReadonlyArray<OutboxRow>) => Effect.Effect<ReadonlyArray<bigint>, E>
    ) => Effect.Effect<number, StoreError | E>
  }
>()("@tributary/pipeline/PersonStore") {}
