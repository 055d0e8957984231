/**
 * The `engine` program as a child of this process: started, awaited until it serves, and stopped with the scope. It does not
 * outlive its parent, whatever ends that; EmbeddedEngine.ts starts it again when it ends. Nothing of the engine is loaded here.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { StartError } from "../StartError.ts"

/** What the program says when both of its ports listen. */
export const Addresses = Schema.Struct({ readPort: Schema.Int, writePort: Schema.Int })
export type Addresses = typeof Addresses.Type

export interface Options {
  readonly dataDir: string
  /** Of the read-only front; 0 = any that is free. */
  readonly httpPort: number
  /** 0 or unset = any that is free, at this start. */
  readonly writePort?: number | undefined
  /** Whoever knows it may write. */
  readonly password: Redacted.Redacted
  /** `tributary` by default. */
  readonly database?: string | undefined
  /** Where the program's log lines go: file descriptors, `inherit` or `ignore`; `inherit` by default. */
  readonly output?: number | "inherit" | "ignore" | undefined
  /** Added to this process' own environment. */
  readonly environment?: Readonly<Record<string, string>> | undefined
}

export interface EngineProcess {
  readonly pid: number
  readonly addresses: Addresses
  /** Reads, without a password. */
  readonly readUrl: string
  /** Writes too; user and password are in it: what `CLICKHOUSE_URL` wants to be. */
  readonly url: Redacted.Redacted
  /** How it ended, asked or unasked: an exit code or a signal's name. */
  readonly ended: Effect.Effect<string>
  readonly kill: (signal: NodeJS.Signals) => void
}

/** The program's file, for `node`. */
export const program: string = fileURLToPath(new URL("./main.ts", import.meta.url))

/** The settings of the program, as its environment. */
export const environment = (options: Options): Readonly<Record<string, string>> => ({
  DATA_DIR: options.dataDir,
  CLICKHOUSE_HTTP_PORT: String(options.httpPort),
  CLICKHOUSE_WRITE_PORT: String(options.writePort ?? 0),
  CLICKHOUSE_PASSWORD: Redacted.value(options.password),
  CLICKHOUSE_DATABASE: options.database ?? "tributary",
  ...options.environment
})

const readAddresses = Schema.decodeUnknownOption(Addresses)

const stopWithin = "15 seconds"

/** Starts the program and waits until it is ready. Fails when it ends before; its own line on stderr says why. */
export const start = (options: Options): Effect.Effect<EngineProcess, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<Addresses, StartError>()
    const ended = yield* Deferred.make<string>()
    const output = options.output ?? "inherit"
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const started = spawn(process.execPath, [program], {
          env: { ...process.env, ...environment(options) },
          // A session of its own: Ctrl-C reaches whoever stops the programs in order, not this one first.
          detached: true,
          stdio: ["ignore", output, output === "ignore" ? "inherit" : output, "ipc"]
        })
        const end = (how: string) => {
          Deferred.doneUnsafe(ended, Effect.succeed(how))
          const message = `the ClickHouse engine's program ended (${how}) before it was ready; its reason is the line above`
          Deferred.doneUnsafe(ready, Effect.fail(new StartError({ message })))
        }
        started.on("message", (message) => {
          const addresses = readAddresses(message)
          if (addresses._tag === "Some") Deferred.doneUnsafe(ready, Effect.succeed(addresses.value))
        })
        started.once("error", (error) => end(error.message))
        started.once("exit", (code, signal) => end(signal ?? String(code)))
        return started
      }),
      (running) => stop(running, Deferred.await(ended))
    )
    const addresses = yield* Deferred.await(ready)
    const host = (port: number) => `127.0.0.1:${port}`
    return {
      pid: child.pid ?? 0,
      addresses,
      readUrl: `http://${host(addresses.readPort)}`,
      url: Redacted.make(
        `http://default:${encodeURIComponent(Redacted.value(options.password))}@${host(addresses.writePort)}`
      ),
      ended: Deferred.await(ended),
      kill: (signal) => void child.kill(signal)
    }
  })

const stop = (child: ChildProcess, ended: Effect.Effect<string>): Effect.Effect<void> =>
  Effect.sync(() => child.kill("SIGTERM")).pipe(
    Effect.andThen(ended),
    Effect.timeoutOption(stopWithin),
    Effect.andThen(Effect.sync(() => child.kill("SIGKILL"))),
    Effect.andThen(ended),
    Effect.asVoid
  )
