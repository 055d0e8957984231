/**
 * The folder of an image, made as the Dockerfile makes it: what COPY copies of what the ignore file lets through, and of the
 * modules exactly those that `npm install` would install there, taken from this checkout instead of a registry.
 */
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { Effect } from "effect"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { type Stage, stages } from "./Dockerfile.ts"

const root = join(import.meta.dirname, "../../..")
const text = (path: string) => readFileSync(join(root, path), "utf8")

/** What the ignore file lets through: it begins with all, and takes back what an image is built from. */
const allowed: ReadonlyArray<string> = text(".dockerignore")
  .split("\n")
  .filter((line) => line.startsWith("!"))
  .flatMap((line) => globSync(line.slice(1), { cwd: root }))

const copy = (rest: string, folder: string): void => {
  const words = rest.split(" ")
  const target = words.pop() ?? ""
  for (const source of words) {
    const found = allowed.filter((path) => path === source || path.startsWith(`${source}/`))
    if (found.length === 0) throw new Error(`COPY ${source}: the ignore file leaves nothing of it`)
    for (const path of found) {
      const isFile = path === source && statSync(join(root, path)).isFile()
      const place = isFile && target.endsWith("/") ? join(target, basename(path)) : join(target, relative(source, path))
      cpSync(join(root, path), join(folder, place), { recursive: true })
    }
  }
}

interface Entry {
  readonly link?: boolean
  /** Of a link: the workspace. */
  readonly resolved?: string
  readonly optional?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

const lock: ReadonlyMap<string, Entry> = new Map(Object.entries(JSON.parse(text("package-lock.json")).packages))

/** Where a module finds another one by its name: in the nearest `node_modules` above it. */
const find = (from: string, name: string): string | undefined => {
  const place = join(from, "node_modules", name)
  if (lock.has(place)) return place
  return from === "." ? undefined : find(dirname(from), name)
}

/** All places of the lock file that a workspace needs to run. */
const needed = (workspaces: ReadonlyArray<string>): ReadonlySet<string> => {
  const places = new Set<string>()
  const visit = (place: string): void => {
    const entry = lock.get(place)
    if (entry === undefined || places.has(place)) return
    places.add(place)
    if (entry.link === true) visit(entry.resolved ?? "")
    const peers = Object.keys(entry.peerDependencies ?? {}).filter(
      (name) => entry.peerDependenciesMeta?.[name]?.optional !== true
    )
    for (const name of [...Object.keys(entry.dependencies ?? {}), ...peers]) {
      const there = find(place, name)
      if (there === undefined) throw new Error(`${place} needs ${name}, which the lock file lacks`)
      visit(there)
    }
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const there = find(place, name)
      if (there !== undefined) visit(there)
    }
  }
  for (const name of workspaces) visit(join("node_modules", name))
  return places
}

const install = (command: string, folder: string): void => {
  const workspaces = [...command.matchAll(/--workspace (\S+)/g)].map(([, name = ""]) => name)
  for (const place of needed(workspaces)) {
    const entry = lock.get(place)
    const target = join(folder, place)
    if (!place.includes("node_modules/") || existsSync(target)) continue
    mkdirSync(dirname(target), { recursive: true })
    if (entry?.link === true) symlinkSync(relative(dirname(target), join(folder, entry.resolved ?? "")), target)
    // A build for another platform is not here, nor would it be there. As links to the same files: some are large.
    else if (existsSync(join(root, place))) link(join(root, place), target)
    else if (entry?.optional !== true) throw new Error(`${place} is not installed here`)
  }
}

const link = (from: string, to: string): void => {
  try {
    execFileSync("cp", ["-al", from, to], { stdio: "ignore" })
  } catch {
    cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  }
}

const fill = (stage: Stage, folder: string): void => {
  const parent = stages.find(({ name }) => name === stage.from)
  if (parent !== undefined) fill(parent, folder)
  for (const { name, rest } of stage.instructions) {
    const [, from] = /^--from=(\S+) \/srv\/tributary \.\/$/.exec(rest) ?? []
    if (name === "RUN" && rest.startsWith("npm install ")) install(rest, folder)
    else if (name === "COPY" && from !== undefined) fill(stages.find((one) => one.name === from)!, folder)
    else if (name === "COPY") copy(rest, folder)
  }
}

/** Removed with the scope, once no program runs there any more. */
export const make = (image: Stage) => Effect.tap(Folder.make, (folder) => Effect.sync(() => fill(image, folder)))
