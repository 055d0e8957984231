/**
 * `JSON.parse` for texts from outside.
 *
 * V8 12.9 to 14.6 (Node 23 to 26) may give a key that is written with an escape the name of another key, seen in a text
 * before, even in another project's (docs/decisions/json-parse.md). So texts that have such a key, which hardly any have, are
 * read here; all others go to `JSON.parse`, and pay for a look at the strings with backslashes.
 */

/** Throws a SyntaxError where the text is no JSON, as `JSON.parse` does. Keys become own properties, `__proto__` too. */
export const parse = (text: string): unknown => (hasEscapedKey(text) ? read(text) : JSON.parse(text))

const backslash = 0x5c
const colon = 0x3a
const quote = 0x22

/** Whether a key is written with a backslash. Each character is looked at a few times at most. */
export const hasEscapedKey = (text: string): boolean => {
  // A backslash stands in strings only; the first one after a string's end is the first of its own string.
  let at = text.indexOf("\\")
  while (at !== -1) {
    const end = closingQuote(text, at)
    if (end === -1) return false
    if (text.charCodeAt(skipSpace(text, end + 1)) === colon) return true
    at = text.indexOf("\\", end + 1)
  }
  return false
}

/** Where the string ends in which `from` is, a place that no backslash before it escapes; -1 where it does not end. */
const closingQuote = (text: string, from: number): number => {
  let end = text.indexOf('"', from)
  while (end !== -1) {
    let before = end
    while (before > from && text.charCodeAt(before - 1) === backslash) before--
    if ((end - before) % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return -1
}

const skipSpace = (text: string, from: number): number => {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

/** A list or an object that is not closed yet. An object's `key` waits for its value. */
type Open =
  | { readonly _tag: "List"; readonly items: Array<unknown> }
  | { readonly _tag: "Object"; readonly entries: Array<readonly [string, unknown]>; key: string }

const closing = { List: "]", Object: "}" } as const

/** Characters that end a number or a word. */
const delimiter = /[\s,\]}[{:"]/g

/** Reads the whole text, without recursion, however deep it is. Strings, numbers and words go to `JSON.parse`, one by one. */
const read = (text: string): unknown => {
  const open: Array<Open> = []
  let at = skipSpace(text, 0)

  const fail = (): never => {
    throw new SyntaxError(at < text.length ? `Unexpected token at position ${at}` : "Unexpected end of JSON input")
  }
  const take = (character: string): void => {
    if (text[at] !== character) fail()
    at = skipSpace(text, at + 1)
  }
  const scalar = (): unknown => {
    let end: number
    if (text.charCodeAt(at) === quote) {
      end = closingQuote(text, at + 1) + 1
      if (end === 0) end = text.length
    } else {
      delimiter.lastIndex = at
      end = delimiter.exec(text)?.index ?? text.length
    }
    const value: unknown = JSON.parse(text.slice(at, end))
    at = skipSpace(text, end)
    return value
  }
  const key = (): string => {
    if (text.charCodeAt(at) !== quote) fail()
    const name = String(scalar())
    take(":")
    return name
  }

  for (;;) {
    let value: unknown
    if (text[at] === "[") {
      take("[")
      if (text[at] !== "]") {
        open.push({ _tag: "List", items: [] })
        continue
      }
      take("]")
      value = []
    } else if (text[at] === "{") {
      take("{")
      if (text[at] !== "}") {
        open.push({ _tag: "Object", entries: [], key: key() })
        continue
      }
      take("}")
      value = {}
    } else value = scalar()

    // The value has its place in what is open, and may be the last one there.
    for (;;) {
      const parent = open.at(-1)
      if (parent === undefined) return at === text.length ? value : fail()
      if (parent._tag === "List") parent.items.push(value)
      else parent.entries.push([parent.key, value])
      if (text[at] === ",") {
        take(",")
        if (parent._tag === "Object") parent.key = key()
        break
      }
      take(closing[parent._tag])
      open.pop()
      value = parent._tag === "List" ? parent.items : Object.fromEntries(parent.entries)
    }
  }
}
