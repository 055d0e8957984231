/** A program that is started, killed and started again, and does not outlive this process. What it prints goes to a file. */
import { fileURLToPath } from "node:url"
import * as Leash from "@tributary/embedded/process/Leash"
import * as OutputLog from "@tributary/embedded/process/OutputLog"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { AssemblyError } from "../Assembly.ts"

export interface Options {
  readonly name: string
  readonly file: URL
  readonly nodeOptions?: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
  /** Path of the file that gets its output, run after run. */
  readonly log: string
  /** Waits until a run does its work. */
  readonly ready: Effect.Effect<void>
}

export interface Program {
  /** A new run; the one before must have ended. */
  readonly start: Effect.Effect<void, AssemblyError>
  /** Sends SIGKILL and waits for the end. */
  readonly kill: Effect.Effect<void>
  /** Sends SIGTERM and waits for the end; answers with how it came. After a minute it is killed. */
  readonly stop: Effect.Effect<string>
  /** Sends SIGSTOP, and SIGCONT after so many milliseconds. */
  readonly pause: (ms: number) => Effect.Effect<void>
  /**
   * What it needs was just taken away: if this run is not ready yet, it may end by itself, and is started again, as whoever
   * looks after programs would do.
   */
  readonly excuse: Effect.Effect<void>
  /** Fails when a run ends that was neither killed nor stopped nor excused. */
  readonly failure: Effect.Effect<never, AssemblyError>
}

interface Run {
  readonly leashed: Leash.Leashed
  readonly output: OutputLog.OutputLog
  wasReady: boolean
  isAskedToEnd: boolean
  isExcused: boolean
}

export const make = (options: Options): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const failed = yield* Deferred.make<never, AssemblyError>()
    let run: Run | undefined

    const end = (signal: Leash.Signal): Effect.Effect<string> =>
      Effect.suspend(() => {
        if (run === undefined) return Effect.succeed("nothing ran")
        run.isAskedToEnd = true
        run.leashed.signal(signal)
        return run.leashed.ended
      })
    const stop = Effect.timeoutOrElse(end("TERM"), {
      duration: "1 minute",
      orElse: () => Effect.as(end("KILL"), "had to be killed after a minute")
    })
    yield* Effect.addFinalizer(() => stop)

    const start: Effect.Effect<void, AssemblyError> = Effect.gen(function* () {
      const begun = yield* begin(options)
      run = begun
      yield* Effect.forkIn(
        Effect.andThen(
          options.ready,
          Effect.sync(() => void (begun.wasReady = true))
        ),
        scope
      )
      yield* Effect.forkIn(watch(begun), scope)
    }).pipe(Scope.provide(scope))

    const watch = Effect.fnUntraced(function* (begun: Run) {
      const how = yield* begun.leashed.ended
      if (begun.isAskedToEnd) return
      const reason = `${options.name} ended by itself (${how}): ${begun.output.text().trimEnd().split("\n").at(-1)}`
      if (begun.wasReady || !begun.isExcused) return yield* Deferred.fail(failed, new AssemblyError({ reason }))
      yield* Console.log(`${reason}; it was not ready yet, and is started again`)
      yield* Effect.catch(start, (error) => Deferred.fail(failed, error))
    })

    return {
      start,
      kill: Effect.asVoid(end("KILL")),
      stop,
      pause: (ms) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            run?.leashed.signal("STOP")
            return run
          }),
          () => Effect.sleep(ms),
          (paused) => Effect.sync(() => paused?.leashed.signal("CONT"))
        ),
      excuse: Effect.sync(() => {
        if (run !== undefined) run.isExcused = !run.wasReady
      }),
      failure: Deferred.await(failed)
    }
  })

const begin = ({ environment, file, log, nodeOptions = [] }: Options) =>
  Effect.gen(function* () {
    const output = yield* OutputLog.open(log)
    const leashed = yield* Leash.run({
      command: [process.execPath, ...nodeOptions, fileURLToPath(file)],
      environment: { ...process.env, ...environment },
      user: undefined,
      output: output.descriptor,
      stop: "TERM",
      force: "KILL"
    })
    const run: Run = { leashed, output, wasReady: false, isAskedToEnd: false, isExcused: false }
    return run
  }).pipe(Effect.mapError(({ message }) => new AssemblyError({ reason: message })))
