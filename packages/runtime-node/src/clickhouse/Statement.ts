/** Taking DDL apart, as `schema.sql` and `kafka.sql` write it. No parser of SQL: it reads our own two files. */

/** A statement ends with a semicolon at the end of a line, and has none inside. */
export const split = (sql: string): ReadonlyArray<string> =>
  sql
    .replaceAll(/^--.*$/gm, "")
    .split(/;[ \t]*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "")

/** A text inside the quotes of a literal. */
export const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")

export interface Create {
  /** `CREATE TABLE IF NOT EXISTS`, … up to the name. */
  readonly verb: string
  readonly kind: "DATABASE" | "TABLE" | "MATERIALIZED VIEW" | "VIEW"
  /** Without the database; of a database its own. */
  readonly name: string
  /** All that follows the name. */
  readonly rest: string
}

/** What a statement makes. All of ours make something. */
export const create = (statement: string): Create => {
  const found =
    /^(CREATE(?: OR REPLACE)? (DATABASE|TABLE|MATERIALIZED VIEW|VIEW)(?: IF NOT EXISTS)?) (?:\w+\.)?(\w+)/.exec(
      statement
    )
  if (found === null) throw new Error(`not a statement of the schema: ${statement.slice(0, 60)}`)
  const [all, verb = "", kind, name = ""] = found
  return { verb, kind: kind as Create["kind"], name, rest: statement.slice(all.length) }
}

export interface TableParts {
  /** Definitions between the outer parentheses: columns, and indexes. */
  readonly definitions: ReadonlyArray<string>
  /** `ENGINE = …` and what follows. */
  readonly engine: string
}

/** The parts of what follows a table's name. */
export const table = (rest: string): TableParts => {
  const at = rest.search(/^\) ENGINE/m)
  return { definitions: list(rest.slice(rest.indexOf("(") + 1, at)), engine: rest.slice(at + 2) }
}

/** The pieces of a list, which commas inside parentheses and quotes do not divide. */
const list = (text: string): ReadonlyArray<string> => {
  const pieces: Array<string> = []
  let depth = 0
  let from = 0
  for (const { 0: token, index } of text.matchAll(/'(?:\\.|[^'\\])*'|`[^`]*`|[(),]/g)) {
    if (token === "(") depth++
    else if (token === ")") depth--
    else if (token === "," && depth === 0) {
      pieces.push(text.slice(from, index))
      from = index + 1
    }
  }
  pieces.push(text.slice(from))
  return pieces.map((piece) => piece.trim()).filter((piece) => piece !== "")
}
