/**
 * The processes of an embedded PostgreSQL server, found by their working directory, which is the server's folder: a number in
 * a file may be somebody else's by now.
 */
import { readFileSync, realpathSync } from "node:fs"
import { join } from "node:path"
import * as Processes from "@tributary/embedded/process/Processes"
import * as Effect from "effect/Effect"

export interface PostgresProcesses {
  /** The one that starts all others; undefined when none runs. */
  readonly postmaster: number | undefined
  /** Backends and helpers. */
  readonly others: ReadonlyArray<number>
}

/** Sends SIGKILL to the process of the server in this folder that is chosen, as soon as there is one. */
export const kill = (
  folder: string,
  choose: (processes: PostgresProcesses) => number | undefined
): Effect.Effect<string> =>
  Effect.gen(function* () {
    for (;;) {
      const pid = choose(find(realpathSync(folder)))
      if (pid !== undefined) {
        Processes.kill(pid, "SIGKILL")
        return `SIGKILL to PostgreSQL's process ${pid}`
      }
      yield* Effect.sleep("20 millis")
    }
  })

const find = (folder: string): PostgresProcesses => {
  const all = Processes.inFolder(folder)
  const first = postmasterPid(folder)
  return { postmaster: all.find((pid) => pid === first), others: all.filter((pid) => pid !== first) }
}

/** First line of `postmaster.pid`. */
const postmasterPid = (folder: string): number | undefined => {
  try {
    return Number.parseInt(readFileSync(join(folder, "postmaster.pid"), "utf8"), 10)
  } catch {
    return undefined
  }
}
