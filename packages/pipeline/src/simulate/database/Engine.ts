/**
 * Transactions as PostgreSQL runs them under READ COMMITTED: a statement happens at one instant, except where it waits for the
 * transaction that holds a row; then it goes on with the row as that left it. Who waits in a ring is a deadlock at once.
 */
import * as Exit from "effect/Exit"
import type { Machine } from "../machine/Machine.ts"

/** A statement that failed, by PostgreSQL's five characters. Its transaction is rolled back. */
export interface DbError {
  readonly _tag: "DbError"
  readonly code: "08006" | "23503" | "40001" | "40P01" | "55P03" | "57P01"
}

export const dbError = (code: DbError["code"]): DbError => ({ _tag: "DbError", code })

const isDbError = (value: unknown): value is DbError =>
  typeof value === "object" && value !== null && "_tag" in value && value._tag === "DbError"

/** A row that a transaction has locked or changed. */
export interface Held {
  readonly settle: (tx: Tx, isCommitted: boolean) => void
}

export interface Tx {
  state: "open" | "committed" | "aborted"
  readonly rows: Set<Held>
  waitsFor: Tx | undefined
  /** Called once when it ends. */
  readonly waiters: Set<() => void>
  /** Called when it commits, at that instant. */
  readonly onCommit: Array<() => void>
}

/** A statement on its way: yields the transaction that it waits for, and is gone on with when that has ended. */
export type Statement<A> = Generator<Tx, A, void>

/** A statement that waits for nobody. */
export const atOnce = <A>(read: (tx: Tx) => A) =>
  function* (tx: Tx): Statement<A> {
    yield* []
    return read(tx)
  }

/** `lock_timeout`, in milliseconds. */
const lockTimeout = 10_000

export class Engine {
  deadlocks = 0
  readonly #machine: Machine
  readonly #open = new Set<Tx>()

  constructor(machine: Machine) {
    this.#machine = machine
  }

  begin(): Tx {
    const tx: Tx = { state: "open", rows: new Set(), waitsFor: undefined, waiters: new Set(), onCommit: [] }
    this.#open.add(tx)
    return tx
  }

  commit(tx: Tx): void {
    if (tx.state !== "open") return
    for (const tell of tx.onCommit) tell()
    this.#end(tx, "committed")
  }

  abort(tx: Tx): void {
    if (tx.state === "open") this.#end(tx, "aborted")
  }

  /** The server goes down: nothing that is not committed survives. */
  abortAll(): void {
    for (const tx of [...this.#open]) this.abort(tx)
  }

  run<A>(tx: Tx, statement: Statement<A>, done: (exit: Exit.Exit<A, DbError>) => void): void {
    const fail = (code: DbError["code"]): void => {
      this.abort(tx)
      done(Exit.fail(dbError(code)))
    }
    const goOn = (): void => {
      tx.waitsFor = undefined
      try {
        const step = tx.state === "open" ? statement.next() : undefined
        if (step === undefined) fail("57P01")
        else if (step.done === true) done(Exit.succeed(step.value))
        else this.#wait(tx, step.value, goOn, fail)
      } catch (error) {
        if (!isDbError(error)) throw error
        fail(error.code)
      }
    }
    goOn()
  }

  #wait(tx: Tx, blocker: Tx, goOn: () => void, fail: (code: DbError["code"]) => void): void {
    for (let next: Tx | undefined = blocker; next !== undefined; next = next.waitsFor) {
      if (next !== tx) continue
      this.deadlocks += 1
      fail("40P01")
      return
    }
    tx.waitsFor = blocker
    const leave = (): void => {
      this.#machine.cancel(timer)
      blocker.waiters.delete(wake)
      tx.waiters.delete(end)
    }
    const wake = (): void => {
      leave()
      this.#machine.soon(goOn)
    }
    // The session died while it waited.
    const end = wake
    const timer = this.#machine.after(lockTimeout, () => {
      leave()
      tx.waitsFor = undefined
      fail("55P03")
    })
    blocker.waiters.add(wake)
    tx.waiters.add(end)
  }

  #end(tx: Tx, state: "committed" | "aborted"): void {
    tx.state = state
    this.#open.delete(tx)
    for (const row of tx.rows) row.settle(tx, state === "committed")
    tx.rows.clear()
    for (const wake of [...tx.waiters]) wake()
  }
}
