/**
 * One run of a broker: started and answering when `start` succeeds, stopped in order when its scope closes, after 15 s
 * killed. It lives in a session of its own and cannot outlive this process.
 */
import { randomBytes } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Leash from "../process/Leash.ts"
import * as Once from "../process/Once.ts"
import * as OutputLog from "../process/OutputLog.ts"
import * as Processes from "../process/Processes.ts"
import { StartError, systemReason } from "../StartError.ts"
import * as ApiVersions from "./ApiVersions.ts"
import type { Java } from "./Java.ts"
import * as Properties from "./Properties.ts"

export interface Place {
  readonly java: Java
  /** Folder of the jars. */
  readonly jars: string
  /** Holds the log in `data`, and what is written anew at each start. Working directory of the broker, and of nothing else. */
  readonly folder: string
  /** File for what the broker prints. */
  readonly log: string
  readonly heapMegabytes: number
}

export interface Running {
  readonly pid: number
  /** Waits for the end and says how it came. */
  readonly ended: Effect.Effect<string>
  /** Stops in order. */
  readonly stop: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
}

/** Of every folder that we format: a broker refuses another cluster's. */
const clusterId = Buffer.from("tributary-broker").toString("base64url")

/** Writes the broker's files, and formats its data folder if it is new. `users`: `SCRAM-SHA-512=[name=…,password=…]`. */
export const prepare = (
  place: Place,
  server: Omit<Properties.ServerOptions, "folder">,
  users: ReadonlyArray<string>
): Effect.Effect<void, StartError> =>
  Effect.gen(function* () {
    const data = join(place.folder, "data")
    yield* endStrays(place.folder)
    yield* Effect.tryPromise({
      try: async () => {
        await mkdir(data, { recursive: true })
        const properties = Properties.server({ ...server, folder: data })
        await writeFile(join(place.folder, "server.properties"), properties, { mode: 0o600 })
        await writeFile(join(place.folder, "log4j2.properties"), Properties.log4j)
      },
      catch: (cause) => new StartError({ message: `${place.folder} cannot be used: ${systemReason(cause)}` })
    })
    // The last thing that formatting writes.
    if (existsSync(join(data, "meta.properties"))) return
    const format = ["format", "--ignore-formatted", "-t", clusterId, "-c", join(place.folder, "server.properties")]
    const { code, output } = yield* Once.run(place.java.program, [
      ...flags(place, 128),
      "kafka.tools.StorageTool",
      ...format,
      ...users.flatMap((user) => ["--add-scram", user])
    ])
    // What it prints otherwise holds the keys of users.
    const reason = /^(?:Exception in thread "main" |usage: |.*error: )?.*(?:Exception|rror): (.*)$/m.exec(output)?.[1]
    if (code !== 0) {
      return yield* new StartError({ message: `Kafka's data folder could not be formatted: ${reason ?? code}` })
    }
  })

/** Ends what a killed program left running in a broker's folder, whose lock is held. */
export const endStrays = (folder: string): Effect.Effect<void> =>
  Effect.gen(function* () {
    if (!existsSync("/proc/self/cwd")) return
    const began = yield* Clock.currentTimeMillis
    let sent = ""
    while (true) {
      const pids = Processes.inFolder(folder)
      if (pids.length === 0) return
      const due = (yield* Clock.currentTimeMillis) - began < 10_000 ? "SIGTERM" : "SIGKILL"
      if (due !== sent) for (const pid of pids) Processes.kill(pid, due)
      sent = due
      yield* Effect.sleep("10 millis")
    }
  })

export const start = (place: Place, port: number): Effect.Effect<Running, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const log = yield* OutputLog.open(place.log)
    const archive = yield* Effect.acquireRelease(
      Effect.sync(() => classArchive(place)),
      keepArchive
    )
    const pidFile = join(place.folder, "pid")
    yield* Effect.promise(() => rm(pidFile, { force: true }))
    const child = yield* Effect.acquireRelease(
      Leash.run({
        command: [
          ...["sh", "-c", 'cd "$0" && echo $$ >pid && exec "$@"', place.folder],
          place.java.program,
          ...flags(place, place.heapMegabytes),
          archive.flag,
          `-Dlog4j2.configurationFile=${join(place.folder, "log4j2.properties")}`,
          "kafka.Kafka",
          join(place.folder, "server.properties")
        ],
        environment: process.env,
        user: undefined,
        output: log.descriptor,
        stop: "TERM",
        force: "KILL"
      }),
      stop
    )
    while (!child.hasEnded() && !(yield* ApiVersions.answers(port))) yield* Effect.sleep("10 millis")
    if (child.hasEnded()) {
      const reason = whyEnded(log.text()) ?? (yield* child.ended)
      return yield* new StartError({ message: `Kafka did not start: ${reason} (more in ${log.path}).` })
    }
    return {
      pid: Number(readFileSync(pidFile, "utf8")),
      ended: Effect.map(child.ended, (how) => whyEnded(log.text()) ?? how),
      stop: stop(child),
      kill: Effect.andThen(
        Effect.sync(() => child.signal("KILL")),
        Effect.asVoid(child.ended)
      )
    }
  })

/** Compiling no further than C1 costs a broker nothing here, and halves its start (guides kafka-operations 1). */
const flags = ({ jars }: Place, heapMegabytes: number): ReadonlyArray<string> => [
  `-Xmx${heapMegabytes}m`,
  "-Xms64m",
  "-XX:TieredStopAtLevel=1",
  "-XX:+UseSerialGC",
  "-cp",
  join(jars, "*")
]

interface ClassArchive {
  readonly flag: string
  /** Written by the broker when it stops in order, and where it then goes. */
  readonly made?: { readonly from: string; readonly to: string }
}

/** Classes as they lie in memory, which halve the start once more: the first broker to stop leaves them for all later ones. */
const classArchive = ({ folder, jars, java }: Place): ClassArchive => {
  const shared = `${jars}-java-${java.version}.jsa`
  if (existsSync(shared)) return { flag: `-XX:SharedArchiveFile=${shared}` }
  const own = join(folder, "classes.jsa")
  return { flag: `-XX:ArchiveClassesAtExit=${own}`, made: { from: own, to: shared } }
}

/** A broker that was killed has none; where it cannot be kept, starts stay slower. */
const keepArchive = ({ made }: ClassArchive): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (made === undefined || !existsSync(made.from)) return
    const beside = `${made.to}.new-${process.pid}-${randomBytes(4).toString("hex")}`
    await copyFile(made.from, beside)
      .then(() => rename(beside, made.to))
      .catch(() => rm(beside, { force: true }))
    await rm(made.from, { force: true })
  })

const stop = (child: Leash.Leashed): Effect.Effect<void> =>
  Effect.sync(() => child.signal("TERM")).pipe(
    Effect.andThen(child.ended),
    Effect.timeoutOrElse({
      duration: "15 seconds",
      orElse: () =>
        Effect.andThen(
          Effect.sync(() => child.signal("KILL")),
          child.ended
        )
    }),
    Effect.asVoid
  )

/** The innermost cause of what ended the broker. */
export const whyEnded = (text: string): string | undefined => {
  const fatal = text.search(
    /^\[[^\]]+\] (?:ERROR Exiting|ERROR Encountered fatal|FATAL|ERROR Shutdown broker because)/m
  )
  if (fatal < 0) return undefined
  const causes = [...text.slice(fatal).matchAll(/^(?:Caused by: )?[\w.$]+(?:Exception|Error): (.*)$/gm)]
  return causes.at(-1)?.[1] ?? /^\[[^\]]+\] \w+ (.*?)(?: \([\w.$]+\))?$/m.exec(text.slice(fatal))?.[1]
}
