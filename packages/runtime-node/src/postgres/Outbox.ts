/**
 * What becomes of outbox rows after their commit (guides postgres 7): deleted once the log has them, marked where it
 * refuses them, swept where a crash left them.
 */
import type { PgClient } from "@effect/sql-pg/PgClient"
import type { OutboxRow, PersonStore } from "@tributary/pipeline/service/PersonStore"
import type { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as SqlFailure from "./SqlFailure.ts"

/** Written with ARRAY(…): as `IN (SELECT … SKIP LOCKED)` the planner may run the inner part again for each row. */
const deleteRows = `
DELETE FROM tributary_outbox WHERE id = ANY(ARRAY(
  SELECT id FROM tributary_outbox WHERE id = ANY($1::bigint[]) FOR UPDATE SKIP LOCKED))`

const markRefused = `UPDATE tributary_outbox SET refused_at = now() WHERE id = ANY($1::bigint[])`

const takeSlice = `
DELETE FROM tributary_outbox WHERE id = ANY(ARRAY(
  SELECT id FROM tributary_outbox WHERE id > $1 AND refused_at IS NULL AND created_at < now() - $2::interval
  ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED))
RETURNING id, topic, key, value`

type Publish<E> = (rows: ReadonlyArray<OutboxRow>) => Effect.Effect<ReadonlyArray<bigint>, E>

/** Why a slice is rolled back: rows that the log refuses are marked first, whatever the publisher met is passed on. */
type Undone<E> =
  | { readonly _tag: "Refused"; readonly ids: ReadonlyArray<bigint> }
  | { readonly _tag: "Unpublished"; readonly error: E }

const orUnavailable = SqlFailure.orUnavailable

export const make = (sql: PgClient): Pick<PersonStore["Service"], "published" | "refusedByLog" | "sweep"> => {
  const refusedByLog = (ids: ReadonlyArray<bigint>): Effect.Effect<void, StoreError> =>
    ids.length === 0
      ? Effect.void
      : Effect.asVoid(sql.unsafe(markRefused, [ids])).pipe(orUnavailable("PersonStore", "refusedByLog"))

  /** Publishes and deletes the next rows in one transaction; answers with how many and the last id. */
  const slice = Effect.fnUntraced(function* <E>(after: bigint, olderThanMs: number, publish: Publish<E>) {
    const rows = yield* sql.unsafe<OutboxRow>(takeSlice, [after, `${olderThanMs} milliseconds`])
    if (rows.length === 0) return { published: 0, last: undefined }
    const sorted = rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    // The publisher may use this database too; its statements are none of this transaction.
    const refused = yield* Effect.updateContext(publish(sorted), (context: Context.Context<never>) =>
      Context.omit(sql.transactionService)(context)
    ).pipe(Effect.mapError((error): Undone<E> => ({ _tag: "Unpublished", error })))
    if (refused.length > 0) return yield* Effect.fail<Undone<E>>({ _tag: "Refused", ids: refused })
    return { published: rows.length, last: sorted.at(-1)?.id }
  })

  const sweep = Effect.fnUntraced(function* <E>(
    olderThanMs: number,
    publish: Publish<E>
  ): Effect.fn.Return<number, StoreError | E> {
    // From 0 each time: ids are drawn before the commit, so a mark that is kept passes over a slow batch's rows.
    let after = 0n
    let published = 0
    while (true) {
      const step = yield* sql.withTransaction(slice(after, olderThanMs, publish)).pipe(
        orUnavailable("PersonStore", "sweep"),
        Effect.catch((failure): Effect.Effect<undefined, StoreError | E> => {
          if (failure._tag === "StoreError") return Effect.fail(failure)
          if (failure._tag === "Unpublished") return Effect.fail(failure.error)
          return Effect.as(refusedByLog(failure.ids), undefined)
        })
      )
      if (step === undefined) continue
      if (step.last === undefined) return published
      published += step.published
      after = step.last
    }
  })

  const published = (ids: ReadonlyArray<bigint>): Effect.Effect<void, StoreError> =>
    ids.length === 0
      ? Effect.void
      : Effect.asVoid(sql.unsafe(deleteRows, [ids])).pipe(orUnavailable("PersonStore", "published"))

  return { published, refusedByLog, sweep }
}
