/**
 * Child processes that cannot outlive this one. A shell stands between: it reads from a pipe which only this process holds
 * open, so that when this process ends, in whatever way, the shell reads end of file and interrupts the child. The child
 * lives in a session of its own, out of reach of Ctrl-C, so that a drain still has its server
 * (guides infrastructure, "The process").
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/**
 * Signals named on standard input go to the child. At end of file it is interrupted until it is gone, because in its first
 * milliseconds it ignores that, and after 15 s told to quit at once. The shell's exit code is the child's.
 */
const supervisor = `
exec 3<&0; "$@" </dev/null 3<&- & pg=$!; { while read -r s; do kill -"$s" $pg; done; n=0
while kill -INT $pg; do sleep 1; n=$((n+1)); [ $n -lt 15 ] || kill -QUIT $pg; done; } <&3 3<&- >/dev/null 2>&1 & w=$!
exec 3<&-; wait $pg; rc=$?; kill $w 2>/dev/null; exit $rc
`

export interface Command {
  /** Program, by absolute path, and arguments. */
  readonly command: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** User to run as; undefined = this one. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** File descriptor for what it prints. */
  readonly output: number
}

export interface Leashed {
  /** How it ended: "exit code 1", "signal 9". */
  readonly ended: Effect.Effect<string>
  readonly hasEnded: () => boolean
  /** INT: stop in order; QUIT: stop at once. Lost in the first moments of a child: use `letGo` then. */
  readonly signal: (name: "INT" | "QUIT") => void
  /** Has the shell stop the child, as if this process had ended. */
  readonly letGo: () => void
  /** Kills shell and child: the last resort. */
  readonly kill: () => void
}

/** Starts a child. Whoever calls ends it: nothing does at the end of a scope, only at the end of this process. */
export const run = (options: Command): Effect.Effect<Leashed> =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<string>()
    const child = yield* Effect.sync(() =>
      spawn("sh", ["-c", supervisor, "sh", ...options.command], {
        detached: true,
        cwd: "/",
        env: options.environment,
        stdio: ["pipe", options.output, options.output],
        ...options.user
      })
    )
    const end = (how: string) => Deferred.doneUnsafe(ended, Effect.succeed(how))
    // A shell says 128 + n of a child that signal n ended.
    child.once("exit", (code, signal) =>
      end(code === null ? String(signal) : code > 128 ? `signal ${code - 128}` : `exit code ${code}`)
    )
    child.once("error", (error) => end(error.message))
    // The pipe breaks when the shell ends first; `exit` tells of that.
    child.stdin?.on("error", () => undefined)
    return {
      ended: Deferred.await(ended),
      hasEnded: () => Deferred.isDoneUnsafe(ended),
      signal: (name) => void child.stdin?.write(`${name}\n`),
      letGo: () => void child.stdin?.end(),
      kill: () => killGroup(child)
    }
  })

const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, "SIGKILL")
  } catch {
    // It has ended meanwhile.
  }
}
