/**
 * People, distinct ids, groups, progress and outbox in memory, behind the promises of `PersonStore`.
 *
 * Give it tables that a test keeps, to look into them, to put in rows of other programs, or to share the progress rows with
 * `ProgressMemory`.
 */
import type { Folded, Snapshot, Work } from "@tributary/domain/person/Snapshot"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type OutboxRow, PersonStore } from "../PersonStore.ts"
import { StoreError } from "../StoreError.ts"
import { makeTables, type PersonTables } from "./PersonTables.ts"
import { Rejected, read, transact } from "./PersonTransaction.ts"

export interface Options {
  readonly tables?: PersonTables
  /** So many times each batch is folded and thrown away before it is folded for good, as after conflicts. */
  readonly conflicts?: number
}

const slice = 500

export const make = ({ conflicts = 0, tables = makeTables() }: Options = {}): PersonStore["Service"] => {
  /** Rows that a sweep is publishing: nobody else takes or deletes them. */
  const held = new Set<bigint>()

  const attempt = <A>(work: Work, fold: (snapshot: Snapshot) => Folded<A>, now: number) => {
    for (let i = 0; i < conflicts; i++) fold(read(tables, work)).messages([])
    return transact(tables, work, fold, now)
  }

  const takeDue = (after: bigint, until: number): ReadonlyArray<OutboxRow> => {
    const due: Array<OutboxRow> = []
    for (const { createdAt, id, isRefused, key, topic, value } of tables.outbox.values()) {
      if (due.length === slice) break
      // One of this very millisecond too: a database's clock is finer, and finds it older.
      if (id > after && !isRefused && createdAt <= until && !held.has(id)) due.push({ id, topic, key, value })
    }
    for (const { id } of due) held.add(id)
    return due
  }

  const release = (rows: ReadonlyArray<OutboxRow>) =>
    Effect.sync(() => {
      for (const { id } of rows) held.delete(id)
    })

  const mark = (ids: ReadonlyArray<bigint>): void => {
    for (const id of ids) {
      const row = tables.outbox.get(id)
      if (row !== undefined) tables.outbox.set(id, { ...row, isRefused: true })
    }
  }

  return PersonStore.of({
    transact: (work, fold) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        try {
          return Effect.succeed(attempt(work, fold, now))
        } catch (cause) {
          if (!(cause instanceof Rejected)) return Effect.die(cause)
          const { reason } = cause
          return Effect.fail(new StoreError({ store: "PersonStore", operation: "transact", reason, cause }))
        }
      }),
    published: (ids) =>
      Effect.sync(() => {
        for (const id of ids) if (!held.has(id)) tables.outbox.delete(id)
      }),
    refusedByLog: (ids) => Effect.sync(() => mark(ids)),
    sweep: Effect.fnUntraced(function* (olderThanMs, publish) {
      const until = (yield* Clock.currentTimeMillis) - olderThanMs
      let published = 0
      for (let after = 0n; ; ) {
        const rows = takeDue(after, until)
        const last = rows.at(-1)
        if (last === undefined) return published
        after = last.id
        const refused = new Set(yield* Effect.ensuring(publish(rows), release(rows)))
        mark([...refused])
        for (const { id } of rows) if (!refused.has(id)) tables.outbox.delete(id)
        published += rows.length - refused.size
      }
    })
  })
}

export const layer = (options: Options = {}): Layer.Layer<PersonStore> => Layer.sync(PersonStore, () => make(options))
