/** The YAML files of deploy, read strictly: a key that stands twice is an error. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parseAllDocuments } from "yaml"

export const folder = join(import.meta.dirname, "../..")

type Tree = Readonly<Record<string, unknown>>

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null && !Array.isArray(value)

/** The documents of a text. */
export const parse = (text: string, where = "the text"): ReadonlyArray<unknown> =>
  parseAllDocuments(text, { strict: true, merge: true, uniqueKeys: true }).map((document) => {
    const problem = document.errors[0] ?? document.warnings[0]
    if (problem !== undefined) throw new Error(`${where}: ${problem.message}`)
    return document.toJS()
  })

/** The documents of a file, by its path from `deploy`. */
export const documents = (path: string): ReadonlyArray<unknown> => parse(readFileSync(join(folder, path), "utf8"), path)

/** The only document of a file. */
export const content = (path: string): unknown => documents(path)[0]

/** What stands at a path of keys and indexes; undefined where there is nothing. */
export const at = (tree: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)]
    return isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined
  }, tree)

export const list = (tree: unknown, ...path: ReadonlyArray<string | number>): ReadonlyArray<unknown> => {
  const value = at(tree, ...path)
  return Array.isArray(value) ? value : []
}

/** A mapping of texts; other values as texts, too. */
export const texts = (tree: unknown, ...path: ReadonlyArray<string | number>): Readonly<Record<string, string>> => {
  const value = at(tree, ...path)
  return isTree(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)])) : {}
}

export const files = (below: string): ReadonlyArray<string> =>
  readdirSync(join(folder, below), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => join(below, name))
