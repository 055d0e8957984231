/**
 * Makes the server's folder on a first start. It is made under a name of its own and renamed when complete, so that
 * `postgres` is never half-written, and so that what a killed start's `initdb` still writes cannot meet this one's
 * (guides infrastructure, "First start").
 */
import { randomBytes } from "node:crypto"
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { syncFolder } from "../DataDir.ts"
import * as Versions from "../data/Versions.ts"
import * as Leash from "../process/Leash.ts"
import { StartError, systemReason } from "../StartError.ts"
import type { Binaries } from "./Binaries.ts"
import * as RunAs from "./RunAs.ts"
import * as ServerLog from "./ServerLog.ts"

const [major] = Versions.current.postgres.split(".")

/** Role, password and database; the server listens on loopback only (INTERFACE, `DATABASE_URL`). */
export const name = "tributary"

export interface Place {
  readonly binaries: Binaries
  readonly runAs: RunAs.RunAs
  readonly dataDir: string
  /** `dataDir/postgres` */
  readonly folder: string
}

const temporary = "postgres.new-"

/** Makes the folder unless it is there; then checks that this PostgreSQL can read it, and that its owner is right. */
export const ensure = (place: Place): Effect.Effect<void, StartError> =>
  Effect.gen(function* () {
    yield* removeLeftovers(place.dataDir)
    const found = yield* attempt(place, () =>
      stat(place.folder).then(
        () => true,
        () => false
      )
    )
    if (!found) yield* Effect.scoped(create(place, place.runAs))
    const version = yield* attempt(place, async () => (await readFile(join(place.folder, "PG_VERSION"), "utf8")).trim())
    if (version !== major) {
      return yield* new StartError({
        message: `${place.folder} is of PostgreSQL ${version}, which PostgreSQL ${major} cannot read. Run the Tributary that wrote it, or name another DATA_DIR.`
      })
    }
    yield* RunAs.own(place.runAs, place.folder)
    yield* attempt(place, () => chmod(place.folder, 0o700))
  })

const create = (place: Place, runAs: RunAs.RunAs): Effect.Effect<void, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const fresh = join(place.dataDir, `${temporary}${randomBytes(6).toString("hex")}`)
    const passwordFile = `${fresh}.password`
    yield* Effect.addFinalizer(() => Effect.promise(() => removeQuietly([fresh, passwordFile])))
    yield* attempt(place, async () => {
      await mkdir(fresh, { mode: 0o700 })
      await writeFile(passwordFile, `${name}\n`, { mode: 0o600 })
    })
    yield* RunAs.own(runAs, fresh)
    yield* RunAs.own(runAs, passwordFile)
    const failure = yield* initdb(place, runAs, fresh, passwordFile)
    // `initdb` alone insists on a name for its user; the server does not.
    if (failure?.isNameless === true && runAs.prefix !== RunAs.namespaced.prefix) {
      return yield* create(place, RunAs.namespaced)
    }
    if (failure !== undefined) {
      return yield* new StartError({ message: `PostgreSQL's data folder could not be set up: ${failure.reason}` })
    }
    yield* attempt(place, async () => {
      await rename(fresh, place.folder)
      await syncFolder(place.dataDir)
    })
  })

interface Failure {
  readonly reason: string
  /** The user that it runs as has no entry in the list of users. */
  readonly isNameless: boolean
}

const initdb = (
  place: Place,
  runAs: RunAs.RunAs,
  fresh: string,
  passwordFile: string
): Effect.Effect<Failure | undefined, StartError> =>
  Effect.gen(function* () {
    const log = yield* ServerLog.open(join(place.dataDir, "postgres.log"))
    const child = yield* Effect.acquireRelease(
      Leash.run({
        command: [
          ...runAs.prefix,
          place.binaries.initdb,
          ...["-D", fresh, "-U", name, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--no-instructions"],
          // Sorts alike on every machine.
          ...["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        ],
        environment: place.binaries.environment,
        user: runAs.user,
        output: log.descriptor,
        stop: "INT",
        force: "QUIT",
        repeats: true
      }),
      (running) => Effect.andThen(Effect.sync(running.letGo), running.ended)
    )
    yield* Effect.forkScoped(Effect.delay(Effect.logInfo("Setting up PostgreSQL's data folder, once …"), "2 seconds"))
    const ended = yield* Effect.timeoutOption(child.ended, "60 seconds")
    if (Option.isNone(ended)) return { reason: "it took more than 60 s.", isNameless: false }
    if (ended.value === "exit code 0") return undefined
    return {
      reason: `${log.whyNotStarted() ?? ended.value} (more in ${log.path}).`,
      isNameless: log.text().includes("could not look up effective user ID")
    }
  }).pipe(Effect.scoped)

/** Of starts that were killed. Their `initdb` may still write for a moment; what it leaves goes next time. */
const removeLeftovers = (dataDir: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    const names = await readdir(dataDir).catch(() => [])
    await removeQuietly(names.filter((entry) => entry.startsWith(temporary)).map((entry) => join(dataDir, entry)))
  })

const removeQuietly = async (paths: ReadonlyArray<string>): Promise<void> => {
  for (const path of paths) await rm(path, { recursive: true, force: true }).catch(() => undefined)
}

const attempt = <A>(place: Place, run: () => Promise<A>): Effect.Effect<A, StartError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new StartError({ message: `${place.folder} cannot be used: ${systemReason(cause)}` })
  })
