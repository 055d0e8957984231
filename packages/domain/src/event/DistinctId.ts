/** Distinct ids: what capture makes of what clients send, and which ids may take part in merges. */
import { clean, textOf } from "./Text.ts"

/** The longest distinct id that the worker takes, in UTF-16 units (spec worker 1.6), and the longest that may merge, in code points. */
export const maxLength = 400

/** Capture cuts distinct ids to so many Unicode scalar values (spec capture 2.5). */
export const maxCaptureLength = 200

const blank = /^[\p{White_Space}\uFEFF]*$/u

/** Empty, or white space only. */
export const isBlank = (text: string): boolean => blank.test(text)

const quoted = (words: ReadonlyArray<string>): ReadonlySet<string> =>
  new Set(words.flatMap((word) => [word, `'${word}'`, `"${word}"`]))

/** Illegal in any case. */
const illegalWords = quoted([
  "anonymous",
  "guest",
  "distinctid",
  "distinct_id",
  "id",
  "not_authenticated",
  "email",
  "undefined",
  "true",
  "false"
])

/** Illegal exactly as written: `NULL` and `Nan` are names of somebody. */
const illegalTexts = quoted(["[object Object]", "NaN", "None", "none", "null", "0", "undefined"])

/** The longest of the above, quotes included. */
const longestIllegal = 19

const codePoints = (text: string): number => {
  let count = 0
  for (const _ of text) count++
  return count
}

/**
 * True when an id may take part in a merge (spec worker 3.2). Takes the text as it was sent: once U+0000 has become
 * U+FFFD it cannot be told any more. Illegal ids are barred from merging only; plain events have persons under them.
 */
export const isLegalForMerge = (textAsSent: string): boolean => {
  if (textAsSent.length <= longestIllegal) {
    if (illegalTexts.has(textAsSent) || illegalWords.has(textAsSent.toLowerCase())) return false
  } else if (textAsSent.length > maxLength && codePoints(textAsSent) > maxLength) return false
  return !isBlank(textAsSent) && !textAsSent.includes("\u0000")
}

/** The first `scalars` Unicode scalar values of a clean text; the same text when it has no more. */
export const cut = (text: string, scalars: number): string => {
  if (text.length <= scalars) return text
  let units = 0
  for (let i = 0; i < scalars && units < text.length; i++) units += text.codePointAt(units)! > 0xffff ? 2 : 1
  return text.slice(0, units)
}

/**
 * The text of a distinct id as a client sent it, clean but uncut; undefined when it is missing (absent, null, blank).
 * Strings keep surrounding white space, anything else is its JSON text (spec capture 2.5, rules 2 to 4). Of a value that
 * is no string, only as much text as tells that it will be cut.
 */
export const readUncut = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return undefined
  const text = clean(textOf(value, 2 * maxCaptureLength))
  return isBlank(text) ? undefined : text
}

/** The distinct id that capture goes on with: `readUncut`, cut to 200 scalar values (spec capture 2.5, rules 2 to 5). */
export const forCapture = (value: unknown): string | undefined => {
  const text = readUncut(value)
  return text === undefined ? undefined : cut(text, maxCaptureLength)
}
