/**
 * The `engine` program for as long as a scope is open: when it ends unasked it is started again on the same ports, with
 * everything that it acknowledged. Whoever talks to it meanwhile finds it away, as any ClickHouse may be.
 */

import { keepRunning } from "@tributary/runtime-node/process/KeepRunning"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Port from "../process/Port.ts"
import type { StartError } from "../StartError.ts"
import * as EngineProcess from "./EngineProcess.ts"

export interface Engine {
  /** Reads, without a password. */
  readonly readUrl: string
  /** Writes too; user and password are in it. */
  readonly url: Redacted.Redacted
  /** Of the program that serves now, or will next. */
  readonly pid: Effect.Effect<number>
  /** Never ends, unless the engine cannot be kept running: three starts in a row ended before it was ready. */
  readonly lost: Effect.Effect<never, StartError>
}

export class EmbeddedEngine extends Context.Service<EmbeddedEngine, Engine>()("@tributary/embedded/EmbeddedEngine") {
  static readonly layer = (options: EngineProcess.Options): Layer.Layer<EmbeddedEngine, StartError> =>
    Layer.effect(EmbeddedEngine, make(options))
}

/** Waits until it serves. */
export const make = (options: EngineProcess.Options): Effect.Effect<Engine, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const chosen = {
      ...options,
      httpPort: options.httpPort === 0 ? yield* Port.take : options.httpPort,
      writePort: (options.writePort ?? 0) === 0 ? yield* Port.take : options.writePort
    }
    let serving = yield* Deferred.make<EngineProcess.EngineProcess>()
    const run = (ready: Effect.Effect<void>) =>
      Effect.scoped(
        Effect.gen(function* () {
          const started = yield* EngineProcess.start(chosen)
          yield* ready
          yield* Deferred.succeed(serving, started)
          const how = yield* started.ended
          serving = yield* Deferred.make<EngineProcess.EngineProcess>()
          return how
        })
      )
    const lost = Fiber.join(yield* Effect.forkScoped(keepRunning("ClickHouse", run)))
    const current = Effect.raceFirst(
      Effect.suspend(() => Deferred.await(serving)),
      lost
    )
    const { readUrl, url } = yield* current
    return { readUrl, url, pid: Effect.orDie(Effect.map(current, ({ pid }) => pid)), lost }
  })
