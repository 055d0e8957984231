/**
 * A PostgreSQL server of our own, from npm's binaries, for as long as a scope is open. It listens on loopback, with the
 * role and database `tributary`. When it ends unasked it is started again on the same port; its clients only see
 * connections that break. It cannot outlive this process, and what it acknowledged survives `kill -9` of either.
 */
import { join } from "node:path"
import * as PgClient from "@effect/sql-pg/PgClient"
import { keepRunning } from "@tributary/runtime-node/process/KeepRunning"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Reactivity from "effect/reactivity/Reactivity"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { DataDir } from "../DataDir.ts"
import * as Platform from "../Platform.ts"
import * as Port from "../process/Port.ts"
import { StartError } from "../StartError.ts"
import * as Binaries from "./Binaries.ts"
import * as Initialise from "./Initialise.ts"
import * as RunAs from "./RunAs.ts"
import * as Server from "./Server.ts"
import * as Strays from "./Strays.ts"

export interface EmbeddedPostgresOptions {
  /** On 127.0.0.1; undefined or 0 = a free one. */
  readonly port?: number | undefined
  /** Further settings of the server, such as `{ fsync: "off" }` for tests. */
  readonly settings?: Server.Settings
  /** Folder of the binaries' npm package, where it is not to be looked up. */
  readonly binaries?: string
}

export class EmbeddedPostgres extends Context.Service<
  EmbeddedPostgres,
  {
    /** Of the database `tributary`, as a superuser. */
    readonly url: Redacted.Redacted
    readonly port: number
    /** Stops at once instead of in order: for a second Ctrl-C. */
    readonly quit: Effect.Effect<void>
    /** Never ends, unless the server cannot be kept running: three starts in a row ended before it was ready. */
    readonly lost: Effect.Effect<never, StartError>
  }
>()("@tributary/embedded/EmbeddedPostgres") {
  /** Takes the folder for itself. */
  static readonly layer = (options: EmbeddedPostgresOptions & { readonly dataDir: string }) =>
    Layer.provide(EmbeddedPostgres.layerIn(options), DataDir.layer({ path: options.dataDir }))

  /** Lives in a folder that is held already, beside other engines. */
  static readonly layerIn = (options: EmbeddedPostgresOptions): Layer.Layer<EmbeddedPostgres, StartError, DataDir> =>
    Layer.effect(EmbeddedPostgres, make(options))
}

/** Ends what a killed program left running in a data folder, whose lock is held. */
export const endStrays = (dataDir: string): Effect.Effect<void, StartError> =>
  Effect.flatMap(Binaries.locate, (folder) =>
    Effect.flatMap(Binaries.make(folder, dataDir), (binaries) => Strays.end(join(dataDir, "postgres"), binaries))
  )

const make = (
  options: EmbeddedPostgresOptions
): Effect.Effect<EmbeddedPostgres["Service"], StartError, DataDir | Scope.Scope> =>
  Effect.gen(function* () {
    yield* Platform.check
    const { path: dataDir } = yield* DataDir
    const binaries = yield* Binaries.make(options.binaries ?? (yield* Binaries.locate), dataDir)
    const runAs = yield* RunAs.choose(binaries, dataDir)
    const place = { binaries, runAs, dataDir, folder: join(dataDir, "postgres") }
    yield* Strays.end(place.folder, binaries)
    // A used port shows before anything slow; a free one is looked for late, so that nobody takes it meanwhile.
    const wanted = options.port ?? 0
    if (wanted !== 0) yield* Port.check(wanted, "POSTGRES_PORT")
    yield* Initialise.ensure(place)
    const port = wanted === 0 ? yield* Port.take : wanted
    const ready = yield* Deferred.make<void>()
    let running: Server.Running | undefined
    const run = (serves: Effect.Effect<void>) =>
      Effect.scoped(
        Effect.gen(function* () {
          running = yield* Server.start(place, port, options.settings ?? {})
          yield* serves
          yield* Deferred.succeed(ready, undefined)
          return yield* running.ended
        })
      )
    const keeper = yield* Effect.forkScoped(keepRunning("PostgreSQL", run, Strays.end(place.folder, binaries)))
    yield* Effect.raceFirst(Deferred.await(ready), Fiber.join(keeper))
    yield* ensureDatabase(port)
    return {
      url: urlOf(port, Initialise.name),
      port,
      quit: Effect.suspend(() => running?.quit ?? Effect.void),
      lost: Fiber.join(keeper)
    }
  })

const urlOf = (port: number, database: string): Redacted.Redacted =>
  Redacted.make(`postgres://${Initialise.name}:${Initialise.name}@127.0.0.1:${port}/${database}`)

/** The first connection; `initdb` makes no database but its own. */
const ensureDatabase = (port: number): Effect.Effect<void, StartError> =>
  Effect.gen(function* () {
    const sql = yield* PgClient.makeClient({ url: urlOf(port, "postgres"), connectTimeout: "5 seconds" })
    const found = yield* sql`SELECT 1 FROM pg_database WHERE datname = ${Initialise.name}`
    if (found.length === 0) yield* sql`CREATE DATABASE ${sql(Initialise.name)}`
  }).pipe(
    Effect.scoped,
    Effect.provide(Reactivity.layer),
    // It may just have ended unasked.
    Effect.retry({
      while: ({ reason }) => reason._tag === "ConnectionError",
      schedule: Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "5 seconds" }))
    }),
    Effect.mapError(({ reason }) => {
      const why =
        reason._tag === "AuthenticationError"
          ? `it refuses role ${Initialise.name} with password ${Initialise.name}; was that changed?`
          : reason.message
      return new StartError({ message: `PostgreSQL cannot be used: ${why}` })
    })
  )
