/**
 * The processes of an embedded PostgreSQL server, found by their working directory, which is the server's folder: a number in
 * a file may be somebody else's by now.
 */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"

export interface Processes {
  /** The one that starts all others; undefined when none runs. */
  readonly postmaster: number | undefined
  /** Backends and helpers. */
  readonly others: ReadonlyArray<number>
}

/** Sends SIGKILL to the process that is chosen, as soon as there is one. */
export const kill = (folder: string, choose: (processes: Processes) => number | undefined): Effect.Effect<string> =>
  Effect.gen(function* () {
    for (;;) {
      const pid = choose(find(realpathSync(folder)))
      if (pid !== undefined && isKilled(pid)) return `SIGKILL to PostgreSQL's process ${pid}`
      yield* Effect.sleep("20 millis")
    }
  })

const isKilled = (pid: number): boolean => {
  try {
    return process.kill(pid, "SIGKILL")
  } catch {
    // It has ended meanwhile.
    return false
  }
}

/** Of the server in this folder; needs `/proc`. */
const find = (folder: string): Processes => {
  const all = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && textOf(() => readlinkSync(`/proc/${pid}/cwd`)) === folder)
  const first = Number.parseInt(
    textOf(() => readFileSync(join(folder, "postmaster.pid"), "utf8")),
    10
  )
  return { postmaster: all.find((pid) => pid === first), others: all.filter((pid) => pid !== first) }
}

/** Empty for what is gone, or somebody else's. */
const textOf = (read: () => string): string => {
  try {
    return read()
  } catch {
    return ""
  }
}
