/**
 * One process at a time for a folder. The lock is a SQLite database that stays exclusively locked: the kernel frees it
 * however its process dies, so there is no stale lock (guides infrastructure, "Two starts, strays").
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StartError, systemReason } from "../StartError.ts"

/** Files that the lock makes in the folder. */
export const files: ReadonlyArray<string> = ["lock", "lock.pid"]

const sqliteBusy = 5

/** Fails at once with "DATA_DIR is in use by process n" while another process, or this one, holds the folder. */
export const acquire = (folder: string): Effect.Effect<void, StartError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => open(folder),
      catch: (cause) => new StartError({ message: refusal(folder, cause) })
    }),
    (database) =>
      Effect.sync(() => {
        rmSync(join(folder, "lock.pid"), { force: true })
        database.close()
      })
  ).pipe(Effect.asVoid)

const open = (folder: string): DatabaseSync => {
  const database = new DatabaseSync(join(folder, "lock"), { timeout: 0 })
  try {
    database.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE")
    // Only for the message that others get.
    writeFileSync(join(folder, "lock.pid"), `${process.pid}\n`)
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

const refusal = (folder: string, cause: unknown): string => {
  if (cause instanceof Error && "errcode" in cause && cause.errcode === sqliteBusy) {
    return `DATA_DIR is in use by ${holder(folder)}: ${folder}`
  }
  return `DATA_DIR ${folder} cannot be locked: ${systemReason(cause)}`
}

const holder = (folder: string): string => {
  try {
    return `process ${readFileSync(join(folder, "lock.pid"), "utf8").trim()}`
  } catch {
    return "another process"
  }
}
