/** One connection to a server, and what its folder says of it, for tests. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted, Schedule } from "effect"
import { Reactivity } from "effect/reactivity"

export const connect = (url: string | Redacted.Redacted) =>
  PgClient.makeClient({ url: Redacted.isRedacted(url) ? url : Redacted.make(url) }).pipe(
    Effect.provide(Reactivity.layer)
  )

/** Runs statements on a connection of their own; answers with the last one's rows. */
export const query = (url: string | Redacted.Redacted, ...statements: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const sql = yield* connect(url)
      let rows: ReadonlyArray<unknown> = []
      for (const statement of statements) rows = yield* sql.unsafe(statement)
      return rows
    })
  )

/** Again until it works, as a client does while a server is away. */
export const eventually = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.orDie(Effect.retry(self, Schedule.spaced("10 millis")))

export const postmaster = (dataDir: string): number =>
  Number.parseInt(readFileSync(join(dataDir, "postgres", "postmaster.pid"), "utf8"), 10)

/** Processes whose working directory lies in a folder: servers, and `initdb`'s. */
export const processesBelow = (folder: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && workingDirectory(pid).startsWith(`${folder}/`))

const workingDirectory = (pid: number): string => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ""
  }
}
