/**
 * One of our programs as a child that is kept running: it cannot outlive this process, is out of the terminal's reach, and is
 * asked to drain when the scope closes. What it prints goes to a file.
 */
import { fileURLToPath } from "node:url"
import * as Leash from "@tributary/embedded/process/Leash"
import * as OutputLog from "@tributary/embedded/process/OutputLog"
import * as Ready from "@tributary/embedded/process/Ready"
import { StartError } from "@tributary/embedded/StartError"
import { keepRunning } from "@tributary/runtime-node/process/KeepRunning"
import { stopWithinMs } from "@tributary/runtime-node/process/Program"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

export interface Options {
  readonly name: string
  readonly file: URL
  readonly environment: Readonly<Record<string, string>>
  readonly log: string
  /** Answers 200 when it is ready. */
  readonly readiness: string
}

export interface Child {
  /** Never ends, unless the program cannot be kept running. */
  readonly lost: Effect.Effect<never, StartError>
}

const stop = (leashed: Leash.Leashed): Effect.Effect<void> =>
  Effect.sync(() => leashed.signal("TERM")).pipe(
    Effect.andThen(leashed.ended),
    // It ends by itself by then, whatever hangs.
    Effect.timeoutOption(stopWithinMs + 2_000),
    Effect.andThen(Effect.sync(leashed.kill))
  )

/** Starts it, and waits until it is ready. */
export const start = ({
  environment,
  file,
  log,
  name,
  readiness
}: Options): Effect.Effect<Child, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const first = yield* Deferred.make<void>()
    const run = (ready: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const output = yield* OutputLog.open(log)
        const leashed = yield* Effect.acquireRelease(
          Leash.run({
            command: [process.execPath, "--initial-heap-size=256", fileURLToPath(file)],
            environment: { ...process.env, ...environment },
            user: undefined,
            output: output.descriptor,
            stop: "TERM",
            force: "KILL"
          }),
          stop
        )
        const serves = Ready.untilOk(readiness)
        const early = Effect.flatMap(leashed.ended, (how) =>
          Effect.fail(new StartError({ message: `${name} ended (${how}): ${lastLine(output)} (${log})` }))
        )
        yield* Effect.raceFirst(serves, early)
        yield* ready
        yield* Deferred.succeed(first, undefined)
        return yield* leashed.ended
      }).pipe(Effect.scoped)
    const lost = Fiber.join(yield* Effect.forkScoped(keepRunning(name, run)))
    yield* Effect.raceFirst(Deferred.await(first), lost)
    return { lost }
  })

const lastLine = (output: OutputLog.OutputLog): string => output.text().trimEnd().split("\n").at(-1) ?? ""
