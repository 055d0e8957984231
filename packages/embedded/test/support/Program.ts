/** Runs programs with a server of their own, and waits for what the world does meanwhile. */
import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { Deferred, Effect } from "effect"

export interface ProgramOptions {
  readonly dataDir: string
  readonly port?: number
  readonly binaries?: string
  /** User to run as; undefined = this one. */
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Of this folder; `serverProgram.ts` by default. */
  readonly file?: string
}

export interface Program {
  readonly pid: number
  /** The line that it prints: a URL, or why it did not start. */
  readonly line: Effect.Effect<string>
  readonly ended: Effect.Effect<void>
  readonly kill: (signal: NodeJS.Signals) => void
}

export const nobody = { uid: 65534, gid: 65534 }

/**
 * How root starts node as another user: below a folder of mode 700 with the right to read what is there, which is none to
 * write.
 */
const nodeAs = (user: ProgramOptions["user"]) => {
  const node = process.execPath
  if (user === undefined || spawnSync(node, ["--version"], { cwd: "/", ...user }).status === 0) {
    return { command: node, before: [], user }
  }
  const capabilities = ["--inh-caps", "--ambient-caps", "--bounding-set"].map((set) => `${set}=-all,+dac_read_search`)
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups", "--securebits=+no_setuid_fixup"]
  return { command: "setpriv", before: [...ids, ...capabilities, "--", node], user: undefined }
}

/** Starts it; killed at the end of the scope, if it is still there. */
export const start = ({ user, file = "serverProgram.ts", ...options }: ProgramOptions) =>
  Effect.gen(function* () {
    const line = yield* Deferred.make<string>()
    const ended = yield* Deferred.make<void>()
    const node = nodeAs(user)
    const argument = JSON.stringify(options)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(node.command, [...node.before, join(import.meta.dirname, file), argument], {
          cwd: "/",
          stdio: ["ignore", "pipe", "inherit"],
          ...node.user
        })
      ),
      (program) =>
        Effect.andThen(
          Effect.sync(() => program.kill("SIGKILL")),
          Deferred.await(ended)
        )
    )
    let printed = ""
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      if (printed.includes("\n")) Deferred.doneUnsafe(line, Effect.succeed(printed.slice(0, printed.indexOf("\n"))))
    })
    child.once("exit", () => Deferred.doneUnsafe(ended, Effect.void))
    return {
      pid: child.pid ?? 0,
      line: Deferred.await(line),
      ended: Deferred.await(ended),
      kill: (signal) => void child.kill(signal)
    } satisfies Program
  })

/** Waits until `holds` answers with something else than undefined or false. */
export const until = <A>(holds: () => A | undefined | false): Effect.Effect<A> =>
  Effect.suspend(() => {
    const answer = holds()
    return answer === undefined || answer === false ? Effect.delay(until(holds), "5 millis") : Effect.succeed(answer)
  })
