/**
 * Texts with templates of the form `{path}`, and JSON values made of them (spec cdp 1.6).
 *
 * A path is names joined by dots, from a known root: `{event.properties.plan}`. A text that is one template keeps the
 * type of what it finds; among other text it becomes text. `\{` is a brace. Every other expression is refused when the
 * row is loaded, so that evaluating never fails: what is missing is null.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Properties from "../event/Properties.ts"

export type Path = ReadonlyArray<string>

export type Template =
  | { readonly _tag: "Literal"; readonly value: unknown }
  | { readonly _tag: "Path"; readonly path: Path }
  | { readonly _tag: "Text"; readonly parts: ReadonlyArray<string | Path> }
  | { readonly _tag: "List"; readonly items: ReadonlyArray<Template> }
  /** Keys are not templates. `extend`: what stood under `$$_extend_object`, spread first. */
  | {
      readonly _tag: "Object"
      readonly extend: Template | undefined
      readonly entries: ReadonlyArray<readonly [key: string, template: Template]>
    }
  | { readonly _tag: "Secret"; readonly template: Redacted.Redacted<Template> }

export const literal = (value: unknown): Template => ({ _tag: "Literal", value })

/** The same template, hidden from logs and from inspection. */
export const secret = (template: Template): Template => ({ _tag: "Secret", template: Redacted.make(template) })

const name = "[A-Za-z_$][A-Za-z0-9_$]*"
const wholePath = new RegExp(`^${name}(?:\\.${name})*$`)
const piece = /\\\{|\{([^}]*)(\}?)/g

const parsePath = (text: string, roots: ReadonlySet<string>): Result.Result<Path, string> => {
  const trimmed = text.trim()
  if (!wholePath.test(trimmed)) return Result.fail(`{${text}} is not understood: only {path} is`)
  const path = trimmed.split(".")
  const root = path[0]
  return root !== undefined && roots.has(root)
    ? Result.succeed(path)
    : Result.fail(`{${text}} begins with none of ${[...roots].join(", ")}`)
}

/** Reads a text; the failure is one sentence. */
export const parseText = (text: string, roots: ReadonlySet<string>): Result.Result<Template, string> => {
  if (!text.includes("{")) return Result.succeed(literal(text))
  const parts: Array<string | Path> = []
  let plain = ""
  let end = 0
  for (const match of text.matchAll(piece)) {
    plain += text.slice(end, match.index)
    end = match.index + match[0].length
    if (match[0] === "\\{") {
      plain += "{"
      continue
    }
    if (match[2] === "") return Result.fail(`${match[0]} has no end`)
    const path = parsePath(match[1] ?? "", roots)
    if (Result.isFailure(path)) return Result.fail(path.failure)
    if (plain !== "") parts.push(plain)
    plain = ""
    parts.push(path.success)
  }
  plain += text.slice(end)
  if (plain !== "") parts.push(plain)
  const [only] = parts
  if (parts.length === 1 && only !== undefined) {
    return Result.succeed(typeof only === "string" ? literal(only) : { _tag: "Path", path: only })
  }
  return Result.succeed({ _tag: "Text", parts })
}

const extendKey = "$$_extend_object"
/** Deeper values are refused: what follows walks them with the stack. */
const maxDepth = 100

/** Reads every string inside a JSON value as a text. */
export const parseJson = (value: unknown, roots: ReadonlySet<string>, depth = 0): Result.Result<Template, string> => {
  if (depth > maxDepth) return Result.fail("nested too deep")
  if (typeof value === "string") return parseText(value, roots)
  if (Array.isArray(value)) {
    const items: Array<Template> = []
    for (const item of value) {
      const template = parseJson(item, roots, depth + 1)
      if (Result.isFailure(template)) return template
      items.push(template.success)
    }
    return Result.succeed(items.every(isLiteral) ? literal(items.map(literalValue)) : { _tag: "List", items })
  }
  if (!Properties.isProperties(value)) return Result.succeed(literal(value))
  const entries: Array<readonly [string, Template]> = []
  let extend: Template | undefined
  for (const [key, child] of Object.entries(value)) {
    const template = parseJson(child, roots, depth + 1)
    if (Result.isFailure(template)) return template
    if (key === extendKey) extend = template.success
    else entries.push([key, template.success])
  }
  const isPlain = extend === undefined && entries.every(([, template]) => isLiteral(template))
  return Result.succeed(
    isPlain
      ? literal(Object.fromEntries(entries.map(([key, template]) => [key, literalValue(template)])))
      : { _tag: "Object", extend, entries }
  )
}

/** Of a literal; its text may differ from the source, where `\{` stands for `{`. */
const literalValue = (template: Template): unknown => (template._tag === "Literal" ? template.value : null)

export const isLiteral = (template: Template): boolean =>
  template._tag === "Literal" || (template._tag === "Secret" && isLiteral(Redacted.value(template.template)))

/** Every path that the template reads. */
export const paths = (template: Template): ReadonlyArray<Path> => {
  switch (template._tag) {
    case "Literal":
      return []
    case "Path":
      return [template.path]
    case "Text":
      return template.parts.filter((part): part is Path => typeof part !== "string")
    case "List":
      return template.items.flatMap(paths)
    case "Object":
      return [
        ...(template.extend === undefined ? [] : paths(template.extend)),
        ...template.entries.flatMap(([, child]) => paths(child))
      ]
    case "Secret":
      return paths(Redacted.value(template.template))
  }
}

/** What lies at a path; null where anything on the way is missing. Own keys of objects only. */
export const look = (path: Path, globals: unknown): unknown => {
  let value = globals
  for (const key of path) {
    if (!Properties.isProperties(value) || !Object.hasOwn(value, key)) return null
    value = value[key]
  }
  return value ?? null
}

/** The value of a template. Never fails; shares structure with `globals`, which nobody may change. */
export const evaluate = (template: Template, globals: Properties.Properties): unknown => {
  switch (template._tag) {
    case "Literal":
      return template.value
    case "Path":
      return look(template.path, globals)
    case "Text": {
      let text = ""
      for (const part of template.parts) text += typeof part === "string" ? part : toText(look(part, globals))
      return text
    }
    case "List":
      return template.items.map((item) => evaluate(item, globals))
    case "Object": {
      const extension = template.extend === undefined ? undefined : evaluate(template.extend, globals)
      const own = Object.fromEntries(template.entries.map(([key, child]) => [key, evaluate(child, globals)]))
      return Properties.isProperties(extension) ? { ...extension, ...own } : own
    }
    case "Secret":
      return evaluate(Redacted.value(template.template), globals)
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ["\0", "\\0"],
  ["\\", "\\\\"],
  ["'", "\\'"]
])

const quote = (text: string): string => `'${text.replace(/[\b\f\n\r\t\v\0\\']/g, (char) => escapes.get(char) ?? char)}'`

/** Hog's way to write a value: strings in single quotes, not JSON. What is nested too deep for the stack is null. */
const toHogLiteral = (value: unknown, depth = 0): string => {
  if (typeof value === "string") return quote(value)
  if (typeof value !== "object" || value === null || depth > maxDepth)
    return typeof value === "object" ? "null" : String(value)
  if (Array.isArray(value)) return `[${value.map((item) => toHogLiteral(item, depth + 1)).join(", ")}]`
  const entries = Object.entries(value).map(([key, child]) => `${quote(key)}: ${toHogLiteral(child, depth + 1)}`)
  return `{${entries.join(", ")}}`
}

/** A value among other text: null is empty, a string itself, anything else as Hog writes it. */
export const toText = (value: unknown): string =>
  value === null || value === undefined ? "" : typeof value === "string" ? value : toHogLiteral(value)
