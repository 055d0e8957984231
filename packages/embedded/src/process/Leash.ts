/**
 * Child processes that cannot outlive this one. A shell stands between: it reads from a pipe which only this process holds
 * open, so that when this process ends, in whatever way, the shell reads end of file and stops the child. The child
 * lives in a session of its own, out of reach of Ctrl-C, so that a drain still has its server
 * (guides infrastructure, "The process").
 */
import { type ChildProcess, spawn } from "node:child_process"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/**
 * Signals named on standard input go to the child. At end of file it is told to stop, and forced when it is still there after
 * the grace; each second between, and after, it gets `again`, and 0 tells it nothing. The shell's exit code is the child's.
 */
const supervisor = `
stop=$1 again=$2 force=$3 grace=$4; shift 4
exec 3<&0; "$@" </dev/null 3<&- & pid=$!; { while read -r s; do kill -"$s" $pid; done; n=0
while kill -"$stop" $pid; do sleep 1; n=$((n+1)); stop=$again; [ $n -lt "$grace" ] || kill -"$force" $pid; done; } <&3 3<&- >/dev/null 2>&1 & w=$!
exec 3<&-; wait $pid; rc=$?; kill $w 2>/dev/null; exit $rc
`

export type Signal = "INT" | "TERM" | "QUIT" | "KILL" | "STOP" | "CONT"

export interface Command {
  /** Program, by absolute path, and arguments. */
  readonly command: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** User to run as; undefined = this one. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** File descriptor for what it prints. */
  readonly output: number
  /** What stops it in order … */
  readonly stop: Signal
  /** … and what at once. */
  readonly force: Signal
  /**
   * Says `stop` each second, to a child that may ignore it in its first milliseconds. Only to one which takes it any number of times:
   * others read a second one as "at once".
   */
  readonly repeats?: boolean
  /** Seconds from `stop` to `force` when this process is gone; 15 by default. */
  readonly graceSeconds?: number
}

export interface Leashed {
  /** How it ended: "exit code 1", "signal 9". */
  readonly ended: Effect.Effect<string>
  readonly hasEnded: () => boolean
  /** May be lost in the first moments of a child: use `letGo` then. */
  readonly signal: (name: Signal) => void
  /** Has the shell stop the child, as if this process had ended. */
  readonly letGo: () => void
  /** Kills shell and child: the last resort. */
  readonly kill: () => void
}

/** Starts a child. Whoever calls ends it: nothing does at the end of a scope, only at the end of this process. */
export const run = (options: Command): Effect.Effect<Leashed> =>
  Effect.gen(function* () {
    const { force, graceSeconds = 15, repeats = false, stop } = options
    const manner = [stop, repeats ? stop : "0", force, String(graceSeconds)]
    const ended = yield* Deferred.make<string>()
    const child = yield* Effect.sync(() =>
      spawn("sh", ["-c", supervisor, "sh", ...manner, ...options.command], {
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
