/**
 * As whom PostgreSQL runs. It refuses to be root, so for root there are three ways, tried in order until one can run the
 * program and enter the data folder (guides infrastructure, "Root").
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync, statSync } from "node:fs"
import { lchown, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { StartError, systemReason } from "../StartError.ts"
import type { Binaries } from "./Binaries.ts"

export interface User {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export interface RunAs {
  /** Goes before the program. */
  readonly prefix: ReadonlyArray<string>
  /** To start it as; undefined = as this process. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined
  /** Who must own its files; undefined = they stay as they are. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
}

const isRoot = process.getuid?.() === 0

/**
 * In a user namespace of its own: looks like `nobody` to itself, and has the rights of this process's user. Under root
 * that gives SQL root's rights on files, so a server is run so only when nothing else works.
 */
export const namespaced: RunAs = {
  prefix: ["unshare", "-U", "--map-user=65534", "--map-group=65534", "--"],
  user: undefined,
  owner: isRoot ? { uid: 0, gid: 0 } : undefined
}

const asIAm: RunAs = { prefix: [], user: undefined, owner: undefined }

/** The first way that works here. An ordinary user needs none. */
export const choose = (binaries: Binaries, dataDir: string): Effect.Effect<RunAs, StartError> =>
  Effect.suspend(() => {
    if (!isRoot) return Effect.succeed(asIAm)
    const user = userFor(dataDir)
    for (const way of ways(user)) if (works(way, binaries, dataDir)) return Effect.succeed(way)
    return Effect.fail(
      new StartError({
        message:
          `PostgreSQL cannot run as root, and user ${user.name} cannot enter ${dataDir} or ${binaries.initdb}. ` +
          "Start as an ordinary user, or put clone and DATA_DIR where all may enter, such as /srv."
      })
    )
  })

/** The data folder's owner, else `postgres`, else `nobody`. */
const userFor = (dataDir: string): User => {
  const { uid, gid } = statSync(dataDir)
  if (uid !== 0) return { name: String(uid), uid, gid }
  return passwdEntry("postgres") ?? passwdEntry("nobody") ?? { name: "nobody", uid: 65534, gid: 65534 }
}

const passwdEntry = (name: string): User | undefined => {
  if (!existsSync("/etc/passwd")) return undefined
  const entries = readFileSync("/etc/passwd", "utf8").split("\n")
  const [, , uid, gid] =
    entries
      .find((entry) => entry.startsWith(`${name}:`))
      ?.split(":")
      .map(Number) ?? []
  return uid === undefined || gid === undefined || !(uid > 0) ? undefined : { name, uid, gid }
}

const ways = (user: User): ReadonlyArray<RunAs> => {
  const capability = canBeBound(2) ? "dac_read_search" : "dac_override"
  const { uid, gid } = user
  return [
    // Needs no tools; every folder above must be enterable.
    { prefix: [], user: { uid, gid }, owner: { uid, gid } },
    // Works below a folder of mode 700. Without the securebit the change of user would take the capability away.
    {
      prefix: [
        "setpriv",
        `--reuid=${uid}`,
        `--regid=${gid}`,
        "--clear-groups",
        "--securebits=+no_setuid_fixup",
        `--inh-caps=-all,+${capability}`,
        `--ambient-caps=-all,+${capability}`,
        `--bounding-set=-all,+${capability}`,
        "--no-new-privs",
        "--"
      ],
      user: undefined,
      owner: { uid, gid }
    },
    namespaced
  ]
}

/** Whether a capability (by number) is in the bounding set. Default containers lack `dac_read_search`. */
const canBeBound = (capability: number): boolean => {
  try {
    const bounding = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"
    return ((BigInt(`0x${bounding}`) >> BigInt(capability)) & 1n) === 1n
  } catch {
    return false
  }
}

const works = (way: RunAs, binaries: Binaries, dataDir: string): boolean => {
  const [program = "sh", ...before] = [...way.prefix, "sh"]
  const probe = spawnSync(program, [...before, "-c", '"$1" --version && cd "$2"', "sh", binaries.initdb, dataDir], {
    cwd: "/",
    env: binaries.environment,
    stdio: "ignore",
    timeout: 10_000,
    ...way.user
  })
  return probe.status === 0
}

/** Gives a file, or a folder with all in it, to the user that PostgreSQL will run as. The folder itself last: then all is done. */
export const own = (way: RunAs, path: string): Effect.Effect<void, StartError> =>
  Effect.tryPromise({
    try: async () => {
      const { owner } = way
      const found = await stat(path)
      if (owner === undefined || found.uid === owner.uid) return
      const entries = found.isDirectory() ? await readdir(path, { withFileTypes: true, recursive: true }) : []
      for (const entry of entries) await lchown(join(entry.parentPath, entry.name), owner.uid, owner.gid)
      await lchown(path, owner.uid, owner.gid)
    },
    catch: (cause) => new StartError({ message: `${path} cannot change its owner: ${systemReason(cause)}` })
  })
