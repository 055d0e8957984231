/**
 * `INSERT INTO t [(columns)] [SETTINGS …] FORMAT f` with its data, taken apart: such data goes into the engine as the bytes
 * that they are (guides clickhouse 1, 8). Other forms, `INSERT … VALUES` and `INSERT … SELECT` among them, are statements.
 */
import type { Request } from "./Request.ts"

export interface Insert {
  /** As it was written, without quotes; undefined = the request's database. */
  readonly database: string | undefined
  readonly table: string
  readonly columns: ReadonlyArray<string> | undefined
  /** Of the statement itself. */
  readonly settings: ReadonlyMap<string, string>
  readonly format: string
  readonly rows: Uint8Array
}

const name = String.raw`(?:\w+|\`[^\`\\]+\`|"[^"\\]+")`
const value = String.raw`(?:'(?:\\.|[^'\\])*'|[\w.+-]+)`
const setting = String.raw`\w+\s*=\s*${value}`
const head = new RegExp(
  String.raw`^\s*INSERT\s+INTO\s+(?:TABLE\s+)?(?:(${name})\s*\.\s*)?(${name})\s*` +
    String.raw`(?:\(\s*(${name}(?:\s*,\s*${name})*)\s*\)\s*)?` +
    String.raw`(?:SETTINGS\s+(${setting}(?:\s*,\s*${setting})*)\s+)?` +
    String.raw`FORMAT\s+(\w+)(?:[ \t]*\r?\n|[ \t;]+|$)`,
  "i"
)

/** A statement that begins a body is looked for in so many bytes. */
const longestHead = 100_000

const bare = (quoted: string): string => quoted.replaceAll(/^[`"]|[`"]$/g, "")

const settingsOf = (text: string): ReadonlyMap<string, string> =>
  new Map(
    [...text.matchAll(new RegExp(String.raw`(\w+)\s*=\s*(${value})`, "g"))].map(([, key = "", given = ""]) => [
      key,
      given.startsWith("'") ? given.slice(1, -1).replaceAll(/\\(.)/g, "$1") : given
    ])
  )

/** The insert that a request is; undefined if it is another statement, or one whose `FORMAT` is `Values`. */
export const recognise = ({ body, query }: Request): Insert | undefined => {
  // Latin-1 keeps every byte at its place, so that what follows the head can be cut off as bytes.
  const text = query === "" ? Buffer.from(body.subarray(0, longestHead)).toString("latin1") : query
  const found = head.exec(text)
  if (found === null) return undefined
  const [all, database, table = "", columns, settings, format = ""] = found
  if (format.toLowerCase() === "values") return undefined
  return {
    database: database === undefined ? undefined : bare(database),
    table: bare(table),
    columns: columns?.split(",").map((column) => bare(column.trim())),
    settings: settingsOf(settings ?? ""),
    format,
    rows: query === "" ? body.subarray(all.length) : dataAfter(query.slice(all.length), body)
  }
}

/** Data may begin behind the statement in the URL and go on in the body. */
const dataAfter = (inline: string, body: Uint8Array): Uint8Array =>
  inline.trim() === "" ? body : Buffer.concat([Buffer.from(inline), Buffer.from("\n"), body])
