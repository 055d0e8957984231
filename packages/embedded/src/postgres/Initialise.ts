/**
 * Makes the server's folder on a first start. It is made under a name of its own and renamed when complete, so that
 * `postgres` is never half-written, and so that what a killed start's `initdb` still writes cannot meet this one's
 * (guides infrastructure, "First start").
 */
import { randomBytes } from "node:crypto"
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { syncFolder } from "../DataDir.ts"
import * as Versions from "../data/Versions.ts"
import { StartError, systemReason } from "../StartError.ts"
import type { Binaries } from "./Binaries.ts"
import * as Leash from "./Leash.ts"
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
    if (!found) yield* Effect.scoped(create(place))
    const version = yield* attempt(place, async () => (await readFile(join(place.folder, "PG_VERSION"), "utf8")).trim())
    if (version !== major) {
      return yield* new StartError({
        message: `${place.folder} is of PostgreSQL ${version}, which PostgreSQL ${major} cannot read. Run the Tributary that wrote it, or name another DATA_DIR.`
      })
    }
    yield* RunAs.own(place.runAs, place.folder)
    yield* attempt(place, () => chmod(place.folder, 0o700))
  })

const create = (place: Place): Effect.Effect<void, StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const fresh = join(place.dataDir, `${temporary}${randomBytes(6).toString("hex")}`)
    const passwordFile = `${fresh}.password`
    yield* attempt(place, async () => {
      await mkdir(fresh, { mode: 0o700 })
      await writeFile(passwordFile, `${name}\n`, { mode: 0o600 })
      const { owner } = place.runAs
      if (owner !== undefined) {
        await chown(fresh, owner.uid, owner.gid)
        await chown(passwordFile, owner.uid, owner.gid)
      }
    })
    yield* Effect.addFinalizer(() => Effect.promise(() => rm(passwordFile, { force: true })))
    yield* initdb(place, fresh, passwordFile, [])
    yield* attempt(place, async () => {
      await rename(fresh, place.folder)
      await syncFolder(place.dataDir)
    })
  })

const initdb = (
  place: Place,
  fresh: string,
  passwordFile: string,
  prefix: ReadonlyArray<string>
): Effect.Effect<void, StartError> =>
  Effect.gen(function* () {
    const log = yield* ServerLog.open(join(place.dataDir, "postgres.log"))
    const child = yield* Effect.acquireRelease(
      Leash.run({
        command: [
          ...place.runAs.prefix,
          ...prefix,
          place.binaries.initdb,
          ...["-D", fresh, "-U", name, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--no-instructions"],
          // Sorts alike on every machine.
          ...["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        ],
        environment: place.binaries.environment,
        user: place.runAs.user,
        output: log.descriptor
      }),
      (running) => Effect.andThen(Effect.sync(running.letGo), running.ended)
    )
    yield* Effect.logInfo("Setting up PostgreSQL's data folder, once …").pipe(
      Effect.delay("2 seconds"),
      Effect.forkScoped
    )
    const ended = yield* child.ended.pipe(
      Effect.timeoutOrElse({
        duration: "60 seconds",
        orElse: () => Effect.fail(new StartError({ message: "PostgreSQL's data folder was not set up within 60 s." }))
      })
    )
    if (ended === "exit code 0") return
    // `initdb` alone insists on a name for its user; the server does not.
    if (prefix.length === 0 && log.text().includes("could not look up effective user ID")) {
      return yield* initdb(place, fresh, passwordFile, RunAs.namespace)
    }
    const reason = log.whyNotStarted() ?? ended
    return yield* new StartError({
      message: `PostgreSQL's data folder could not be set up: ${reason} (more in ${log.path}).`
    })
  }).pipe(Effect.scoped)

/** Of starts that were killed. Their `initdb` may still write for a moment; what it leaves goes next time. */
const removeLeftovers = (dataDir: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    const names = await readdir(dataDir).catch(() => [])
    for (const leftover of names.filter((entry) => entry.startsWith(temporary))) {
      await rm(join(dataDir, leftover), { recursive: true, force: true }).catch(() => undefined)
    }
  })

const attempt = <A>(place: Place, run: () => Promise<A>): Effect.Effect<A, StartError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new StartError({ message: `${place.folder} cannot be used: ${systemReason(cause)}` })
  })
