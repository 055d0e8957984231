/**
 * Ends what still runs in a server's folder: a server whose program was killed and that is still stopping, or one that was
 * orphaned. Only to be called with the folder's lock held. Such a server is never adopted: its port, settings and binaries
 * may be other ones (guides infrastructure, "Two starts, strays").
 */
import { execFile } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { isAlive } from "../Alive.ts"
import * as Processes from "../process/Processes.ts"
import type { Binaries } from "./Binaries.ts"

/** Returns when no process of a server is left in `folder`; takes 17 s at most with a frozen one. */
export const end = (folder: string, binaries: Binaries): Effect.Effect<void> =>
  Effect.suspend(() => {
    const pid = postmasterPid(folder)
    // Every process of a server has its folder as working directory, and nothing else does.
    if (!existsSync("/proc/self/cwd")) return pid === undefined ? Effect.void : stopByTool(folder, pid, binaries)
    if (Processes.inFolder(folder).length > 0) return endProcesses(folder)
    // The number was used again, as is usual in containers: PostgreSQL would take that process for its own and refuse.
    // With a dead number the file stays, because PostgreSQL needs it for its own check.
    if (pid !== undefined && isAlive(pid)) rmSync(join(folder, "postmaster.pid"), { force: true })
    return Effect.void
  })

const endProcesses = (folder: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    let told = false
    let sent = ""
    while (true) {
      const pids = Processes.inFolder(folder)
      if (pids.length === 0) return
      const elapsed = (yield* Clock.currentTimeMillis) - began
      const postmaster = pids.find((pid) => pid === postmasterPid(folder))
      const due = postmaster === undefined ? orphansDue(elapsed) : elapsed < 10_000 ? "SIGINT" : stubbornDue(elapsed)
      if (due !== undefined && due !== sent) {
        sent = due
        const targets = due === "SIGKILL" || postmaster === undefined ? pids : [postmaster]
        for (const pid of targets) Processes.kill(pid, due)
      }
      if (!told && elapsed > 1_000) {
        told = true
        yield* Effect.logInfo("Waiting until an earlier PostgreSQL server has stopped …")
      }
      yield* Effect.sleep("10 millis")
    }
  })

type Signal = "SIGINT" | "SIGQUIT" | "SIGKILL"

const stubbornDue = (elapsed: number): Signal => (elapsed < 16_000 ? "SIGQUIT" : "SIGKILL")

/** Backends see within milliseconds that their postmaster is gone; only a frozen one does not. */
const orphansDue = (elapsed: number): Signal | undefined => (elapsed < 1_000 ? undefined : "SIGKILL")

/** First line of `postmaster.pid`. */
const postmasterPid = (folder: string): number | undefined => {
  try {
    const pid = Number.parseInt(readFileSync(join(folder, "postmaster.pid"), "utf8"), 10)
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

/** Without `/proc`: PostgreSQL's own tool, once the number is seen to be a server's. */
const stopByTool = (folder: string, pid: number, binaries: Binaries): Effect.Effect<void> =>
  Effect.callback((resume) => {
    execFile("ps", ["-p", String(pid), "-o", "command="], (_error, command) => {
      if (!command.includes(folder)) {
        if (isAlive(pid)) rmSync(join(folder, "postmaster.pid"), { force: true })
        return resume(Effect.void)
      }
      const stop = ["stop", "-D", folder, "-m", "fast", "-t", "17"]
      execFile(binaries.pgCtl, stop, { env: binaries.environment }, () => resume(Effect.void))
    })
  })
