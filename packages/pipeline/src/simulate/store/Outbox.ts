/** What becomes of outbox rows after their commit (guides postgres 7): deleted, marked, or swept. */
import * as Effect from "effect/Effect"
import type { OutboxRow, PersonStore } from "../../service/PersonStore.ts"
import type { StoreError } from "../../service/StoreError.ts"
import type { Statement, Tx } from "../database/Engine.ts"
import type { Postgres } from "../database/Postgres.ts"
import type { Tables } from "../database/Tables.ts"
import type { Flaws } from "../Flaws.ts"
import type { Process } from "../machine/Machine.ts"
import { orUnavailable } from "./Repeat.ts"

/** Rows of one transaction of a sweep: few, so that sweeps of a small history have several. */
const sliceSize = 4

const deleteRows = (tables: Tables, ids: ReadonlyArray<bigint>) =>
  function* (tx: Tx): Statement<void> {
    for (const id of ids) if (tables.outbox.isFree(id, tx)) yield* tables.outbox.write(tx, id, undefined)
  }

const markRows = (tables: Tables, ids: ReadonlyArray<bigint>) =>
  function* (tx: Tx): Statement<void> {
    for (const id of ids) {
      const row = yield* tables.outbox.lock(tx, id)
      if (row !== undefined) yield* tables.outbox.write(tx, id, { ...row, isRefused: true })
    }
  }

const takeSlice = (tables: Tables, after: bigint, until: number) =>
  function* (tx: Tx): Statement<ReadonlyArray<OutboxRow>> {
    const due = tables.outbox
      .entries(tx)
      .filter(([id, row]) => id > after && !row.isRefused && row.createdAt <= until && tables.outbox.isFree(id, tx))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, sliceSize)
    for (const [id] of due) yield* tables.outbox.write(tx, id, undefined)
    return due.map(([id, { key, topic, value }]) => ({ id, topic, key, value }))
  }

/** Why a slice is rolled back: what the log refuses is marked first, whatever the publisher met is passed on. */
type Undone<E> =
  | { readonly _tag: "Refused"; readonly ids: ReadonlyArray<bigint> }
  | { readonly _tag: "Unpublished"; readonly error: E }

export const make = ({
  flaws,
  postgres,
  process
}: {
  readonly flaws: Flaws
  readonly postgres: Postgres
  readonly process: Process
}): Pick<PersonStore["Service"], "published" | "refusedByLog" | "sweep"> => {
  const { tables } = postgres
  const refusedByLog = (ids: ReadonlyArray<bigint>): Effect.Effect<void, StoreError> =>
    postgres.once(process, "mark", markRows(tables, ids)).pipe(orUnavailable("PersonStore", "refusedByLog"))

  const slice = <E>(
    after: bigint,
    until: number,
    publish: (rows: ReadonlyArray<OutboxRow>) => Effect.Effect<ReadonlyArray<bigint>, E>
  ) => {
    const published = (rows: ReadonlyArray<OutboxRow>): Effect.Effect<ReadonlyArray<OutboxRow>, Undone<E>> =>
      (rows.length === 0 ? Effect.succeed([]) : publish(rows)).pipe(
        Effect.mapError((error): Undone<E> => ({ _tag: "Unpublished", error })),
        Effect.filterOrFail(
          (ids) => ids.length === 0,
          (ids): Undone<E> => ({ _tag: "Refused", ids })
        ),
        Effect.as(rows)
      )
    if (flaws.has("sweep commits early")) {
      return Effect.flatMap(postgres.once(process, "sweep", takeSlice(tables, after, until)), published)
    }
    return postgres.transaction<ReadonlyArray<OutboxRow>, Undone<E>>(process, (session) =>
      Effect.flatMap(session.run("sweep", takeSlice(tables, after, until)), published)
    )
  }

  const sweep = Effect.fnUntraced(function* <E>(
    olderThanMs: number,
    publish: (rows: ReadonlyArray<OutboxRow>) => Effect.Effect<ReadonlyArray<bigint>, E>
  ): Effect.fn.Return<number, StoreError | E> {
    let after = flaws.has("sweep remembers") ? tables.sweptTo : 0n
    let published = 0
    while (true) {
      const rows = yield* slice(after, postgres.now - olderThanMs, publish).pipe(
        orUnavailable("PersonStore", "sweep"),
        Effect.catch((failure): Effect.Effect<undefined, StoreError | E> => {
          if (failure._tag === "StoreError") return Effect.fail(failure)
          if (failure._tag === "Unpublished") return Effect.fail(failure.error)
          return Effect.as(refusedByLog(failure.ids), undefined)
        })
      )
      if (rows === undefined) continue
      const last = rows.at(-1)
      if (last === undefined) return published
      published += rows.length
      after = last.id
      tables.sweptTo = after
    }
  })

  const published = (ids: ReadonlyArray<bigint>): Effect.Effect<void, StoreError> =>
    postgres.once(process, "published", deleteRows(tables, ids)).pipe(orUnavailable("PersonStore", "published"))

  return { published, refusedByLog, sweep }
}
