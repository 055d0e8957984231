/**
 * One run of the server: started and ready when `start` succeeds, stopped in order when its scope closes: interrupted,
 * after 5 s told to quit at once, after 6 s more killed.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Leash from "../process/Leash.ts"
import * as Port from "../process/Port.ts"
import { StartError } from "../StartError.ts"
import type { Place } from "./Initialise.ts"
import * as ServerLog from "./ServerLog.ts"
import * as Strays from "./Strays.ts"

export interface Running {
  /** Waits for the end and says how it came: the server's own words, or how the process ended. */
  readonly ended: Effect.Effect<string>
  /** Stops at once: open transactions are lost, the next start recovers what was committed. */
  readonly quit: Effect.Effect<void>
}

export type Settings = Readonly<Record<string, string>>

const defaults: Settings = {
  listen_addresses: "127.0.0.1",
  // No socket file: its path may have 107 bytes at most, a data folder's may have more.
  unix_socket_directories: "",
  shared_buffers: "64MB",
  max_wal_size: "1GB",
  // The outbox grows by up to 25 MB a second between two looks (guides postgres 7).
  autovacuum_naptime: "10s",
  max_connections: "100"
}

export const start = (
  place: Place,
  port: number,
  settings: Settings
): Effect.Effect<Running, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const log = yield* ServerLog.open(join(place.dataDir, "postgres.log"))
    const lastRun = pidFile(place)
    let ready = false
    const child = yield* Effect.acquireRelease(
      Leash.run({
        command: [
          ...place.runAs.prefix,
          place.binaries.postgres,
          ...["-D", place.folder],
          ...Object.entries({ ...defaults, ...settings, port: String(port) }).flatMap(([k, v]) => ["-c", `${k}=${v}`])
        ],
        environment: place.binaries.environment,
        user: place.runAs.user,
        output: log.descriptor,
        stop: "INT",
        force: "QUIT",
        repeats: true
      }),
      (running) => Effect.suspend(() => stop(place, running, ready))
    )
    yield* awaitReady(place, child, lastRun)
    if (child.hasEnded()) {
      const reason = log.whyNotStarted() ?? (yield* child.ended)
      return yield* new StartError({ message: explain(reason, port, log.path) })
    }
    ready = true
    return {
      ended: Effect.map(child.ended, (how) => log.whyEnded() ?? how),
      quit: Effect.sync(() => child.signal("QUIT"))
    }
  })

const explain = (reason: string, port: number, log: string): string =>
  /could not (bind|create any TCP)/.test(reason)
    ? Port.inUse(port, "POSTGRES_PORT")
    : `PostgreSQL did not start: ${reason} (more in ${log}).`

/** No time limit: recovery takes as long as it takes, 7 s for a gigabyte. Returns as well when the child ends. */
const awaitReady = (place: Place, child: Leash.Leashed, lastRun: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    let told = false
    while (!child.hasEnded()) {
      const text = pidFile(place)
      // After a crash the last run's file lies there and says `ready` too.
      if (text !== lastRun && text.split("\n")[7]?.trim() === "ready") return
      if (!told && (yield* Clock.currentTimeMillis) - began > 3_000) {
        told = true
        yield* Effect.logInfo("PostgreSQL is recovering what the last run left …")
      }
      yield* Effect.sleep("10 millis")
    }
  })

const pidFile = (place: Place): string => {
  try {
    return readFileSync(join(place.folder, "postmaster.pid"), "utf8")
  } catch {
    return ""
  }
}

const stop = (place: Place, child: Leash.Leashed, ready: boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    // A server that is still starting may miss a signal; the shell repeats it.
    if (ready) child.signal("INT")
    else child.letGo()
    const began = yield* Clock.currentTimeMillis
    let told = 0
    while (!child.hasEnded()) {
      const elapsed = (yield* Clock.currentTimeMillis) - began
      if (told === 0 && elapsed > 5_000) {
        told = 1
        child.signal("QUIT")
      } else if (told === 1 && elapsed > 11_000) {
        told = 2
        child.kill()
      }
      yield* Effect.sleep("10 millis")
    }
    // A frozen backend outlives its postmaster.
    if (told === 2) yield* Strays.end(place.folder, place.binaries)
  })
