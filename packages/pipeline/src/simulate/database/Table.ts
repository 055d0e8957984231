/** A table of rows with locks: what is committed, and what the transaction that holds a row has made of it. */
import type { Held, Statement, Tx } from "./Engine.ts"

interface Row<V> extends Held {
  committed: V | undefined
  /** What the row becomes when `changedBy` commits; undefined = deleted. */
  pending: V | undefined
  changedBy: Tx | undefined
  lockedBy: Tx | undefined
}

export class Table<K, V> {
  readonly #rows = new Map<K, Row<V>>()

  #make(key: K): Row<V> {
    const row: Row<V> = {
      committed: undefined,
      pending: undefined,
      changedBy: undefined,
      lockedBy: undefined,
      settle: (tx, isCommitted) => {
        if (row.changedBy === tx) {
          if (isCommitted) row.committed = row.pending
          row.pending = undefined
          row.changedBy = undefined
        }
        if (row.lockedBy === tx) row.lockedBy = undefined
        if (row.committed === undefined && row.lockedBy === undefined) this.#rows.delete(key)
      }
    }
    this.#rows.set(key, row)
    return row
  }

  /** The row as a statement of `tx` sees it: its own change, else what is committed. */
  read(key: K, tx?: Tx): V | undefined {
    const row = this.#rows.get(key)
    if (row === undefined) return undefined
    return tx !== undefined && row.changedBy === tx ? row.pending : row.committed
  }

  /** All rows that a statement of `tx` sees. */
  entries(tx?: Tx): ReadonlyArray<readonly [K, V]> {
    const all: Array<readonly [K, V]> = []
    for (const key of this.#rows.keys()) {
      const value = this.read(key, tx)
      if (value !== undefined) all.push([key, value])
    }
    return all
  }

  /** `FOR UPDATE`: waits for whoever holds the row, and answers with its newest version; undefined when it is gone. */
  *lock(tx: Tx, key: K): Statement<V | undefined> {
    while (true) {
      const row = this.#rows.get(key)
      if (row === undefined) return undefined
      if (row.lockedBy !== undefined && row.lockedBy !== tx) {
        yield row.lockedBy
        continue
      }
      const value = this.read(key, tx)
      if (value === undefined) return undefined
      row.lockedBy = tx
      tx.rows.add(row)
      return value
    }
  }

  /** Whether `SKIP LOCKED` would take it. */
  isFree(key: K, tx: Tx): boolean {
    const holder = this.#rows.get(key)?.lockedBy
    return holder === undefined || holder === tx
  }

  /** Whoever has changed the row, or inserted it, and has not ended yet. */
  changer(key: K, tx: Tx): Tx | undefined {
    const changer = this.#rows.get(key)?.changedBy
    return changer === tx ? undefined : changer
  }

  /** `ON CONFLICT DO NOTHING`: waits for whoever has changed a row of that key, not for who has only locked it. */
  *insert(tx: Tx, key: K, value: V): Statement<boolean> {
    for (let other = this.changer(key, tx); other !== undefined; other = this.changer(key, tx)) yield other
    if (this.read(key, tx) !== undefined) return false
    this.#change(tx, this.#rows.get(key) ?? this.#make(key), value)
    return true
  }

  /** Updates or, with undefined, deletes; waits like `lock`. False when the row is gone. */
  *write(tx: Tx, key: K, value: V | undefined): Statement<boolean> {
    if ((yield* this.lock(tx, key)) === undefined) return false
    this.#change(tx, this.#rows.get(key)!, value)
    return true
  }

  #change(tx: Tx, row: Row<V>, value: V | undefined): void {
    row.pending = value
    row.changedBy = tx
    row.lockedBy = tx
    tx.rows.add(row)
  }
}
