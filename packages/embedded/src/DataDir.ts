/**
 * The folder of the embedded engines (`DATA_DIR`): made if it is not there, checked, locked for this process as long as
 * the scope is open, and marked with the versions that write it.
 *
 * In it lie `version`, `lock` with `lock.pid`, `postgres` with `postgres.log`, and what other engines keep.
 *
 * Never touches a folder that holds something else: it must be new, empty, or one of ours. What a killed first start left
 * is one of ours.
 */
import { constants } from "node:fs"
import { access, mkdir, open, readdir, readFile, realpath, rename, rm, rmdir, statfs } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Lock from "./data/Lock.ts"
import * as Versions from "./data/Versions.ts"
import { StartError, systemReason } from "./StartError.ts"

export interface DataDirOptions {
  /** Relative paths are taken from the working directory. */
  readonly path: string
  /** Versions that this program writes. */
  readonly versions?: Versions.Versions
}

/** Bytes that must be free before anything is made: PostgreSQL and ClickHouse begin with a third of it, load wants more. */
export const firstStartBytes = 1.5e9

/** Files that may lie in a folder before its `version` is written; `lost+found` is what a fresh volume holds. */
const harmless: ReadonlySet<string> = new Set([...Lock.files, "version.new", "lost+found"])

export class DataDir extends Context.Service<
  DataDir,
  {
    /** Absolute, without symbolic links. */
    readonly path: string
  }
>()("@tributary/embedded/DataDir") {
  static readonly layer = (options: DataDirOptions): Layer.Layer<DataDir, StartError> =>
    Layer.effect(DataDir, make(options))
}

export const make = (options: DataDirOptions): Effect.Effect<DataDir["Service"], StartError, Scope.Scope> =>
  Effect.gen(function* () {
    const versions = options.versions ?? Versions.current
    const path = yield* writableFolder(resolve(options.path))
    if ((yield* inspect(path))._tag === "Foreign") {
      return yield* new StartError({
        message: `DATA_DIR ${path} holds other things than Tributary's data. Name a new or an empty folder.`
      })
    }
    yield* Lock.acquire(path)
    const found = yield* inspect(path)
    if (found._tag === "Ours") {
      const obstacle = Versions.obstacle(found.versions, versions)
      if (obstacle !== undefined) {
        return yield* new StartError({
          message: `DATA_DIR ${path} cannot be used: ${obstacle}. Run the version that wrote it, or name another folder.`
        })
      }
    } else {
      const free = yield* freeBytes(path)
      if (free < firstStartBytes) {
        return yield* new StartError({
          message: `DATA_DIR ${path} has ${gigabytes(free)} GB of free disk, and a first start needs ${gigabytes(firstStartBytes)} GB.`
        })
      }
    }
    // Before anything is touched, so that an older program never meets what this one has begun.
    yield* attempt(path, "be written", () => writeDurably(path, "version", Versions.format(versions)))
    return { path }
  })

/** Bytes that this user may still write in a folder's file system. */
export const freeBytes = (path: string): Effect.Effect<number, StartError> =>
  attempt(path, "be measured", async () => {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  })

export type Contents =
  | { readonly _tag: "Empty" }
  | { readonly _tag: "Ours"; readonly versions: Versions.Versions }
  | { readonly _tag: "Foreign" }

/** What a folder holds; a folder that is not there is empty. */
export const inspect = (path: string): Effect.Effect<Contents, StartError> =>
  attempt(path, "be read", async () => {
    const names = await readdir(path).catch(ifAbsent<ReadonlyArray<string>>([]))
    if (names.every((name) => harmless.has(name))) return { _tag: "Empty" }
    const versions = Versions.parse(await readFile(join(path, "version"), "utf8").catch(ifAbsent("")))
    return versions === undefined ? { _tag: "Foreign" } : { _tag: "Ours", versions }
  })

/**
 * Removes all that a folder of ours holds, and the folder itself where it can be (not a mount point, not behind a link).
 * `before` gets its real path and runs with the lock held; when it fails, nothing is removed. A removal that was cut off
 * can be repeated: `version` goes last.
 */
export const remove = <E, R>(
  path: string,
  before: (realPath: string) => Effect.Effect<void, E, R>
): Effect.Effect<void, StartError | E, R> =>
  Effect.scoped(
    Effect.gen(function* () {
      const found = yield* inspect(path)
      if (found._tag === "Foreign") {
        return yield* new StartError({
          message: `${path} holds other things than Tributary's data, and is left as it is.`
        })
      }
      const real = yield* attempt(path, "be removed", () => realpath(path))
      yield* Lock.acquire(real)
      yield* before(real)
      yield* attempt(path, "be removed", async () => {
        const last = ["version", ...Lock.files]
        const first = (await readdir(real)).filter((name) => !last.includes(name) && name !== "lost+found")
        for (const name of [...first, ...last]) await rm(join(real, name), { recursive: true, force: true })
        await rmdir(path).catch(() => undefined)
      })
    })
  )

/** Writes a file so that after a power loss there is the old one or the new one. */
export const writeDurably = async (folder: string, name: string, text: string): Promise<void> => {
  const file = await open(join(folder, `${name}.new`), "w", 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(join(folder, `${name}.new`), join(folder, name))
  await syncFolder(folder)
}

/** Makes renames in a folder survive a power loss. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const writableFolder = (path: string): Effect.Effect<string, StartError> =>
  attempt(path, "be used", async () => {
    await mkdir(path, { recursive: true })
    await access(path, constants.W_OK | constants.X_OK)
    return await realpath(path)
  })

const attempt = <A>(path: string, what: string, run: () => Promise<A>): Effect.Effect<A, StartError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new StartError({ message: `DATA_DIR ${path} cannot ${what}: ${systemReason(cause)}` })
  })

const ifAbsent =
  <A>(value: A) =>
  (cause: unknown): A => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return value
    throw cause
  }

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1)
