/**
 * Text that every store can hold: no U+0000 and no lone surrogate; both become U+FFFD (spec worker 1.10). PostgreSQL
 * takes neither, and UTF-8 has no form for the second. Proper pairs are untouched. Cleaning twice equals cleaning once.
 */
import { isProperties } from "./Properties.ts"

/** The text, clean; the same text when nothing was to clean. */
export const clean = (text: string): string => {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed()
  return wellFormed.includes("\u0000") ? wellFormed.replaceAll("\u0000", "\uFFFD") : wellFormed
}

/** True when `clean` would change nothing. */
export const isClean = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000")

const suspiciousEscape = /\\u(?:0000|d[89a-f])/i

/**
 * False when no text in the value of this JSON text can need cleaning, so that the value need not be walked. True is no
 * proof: an escaped emoji, too, has surrogates in its text.
 */
export const mayNeedCleaning = (jsonText: string): boolean =>
  (jsonText.includes("\\u") && suspiciousEscape.test(jsonText)) || !jsonText.isWellFormed()

const isContainer = (value: unknown): value is object => typeof value === "object" && value !== null

/** Walks with a list of its own: JSON may be nested deeper than the stack is. */
const isCleanJson = (value: unknown): boolean => {
  if (typeof value === "string") return isClean(value)
  if (!isContainer(value)) return true
  const waiting: Array<object> = [value]
  for (let container = waiting.pop(); container !== undefined; container = waiting.pop()) {
    if (!Array.isArray(container) && !Object.keys(container).every(isClean)) return false
    for (const child of Object.values(container)) {
      if (typeof child === "string") {
        if (!isClean(child)) return false
      } else if (isContainer(child)) waiting.push(child)
    }
  }
  return true
}

/** Defines rather than assigns: the name `__proto__` is data. */
const put = (target: object, name: string, value: unknown): void => {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true })
}

/**
 * A JSON value with all its texts clean, names as well as values; the identical value when nothing was to clean.
 *
 * Where two names become the same one, the later counts. Nesting of any depth is safe.
 */
export const cleanJson = <A>(value: A): A => {
  if (typeof value === "string") return clean(value) as A & string
  if (isCleanJson(value) || !isContainer(value)) return value
  const emptyLike = (container: object): object => (Array.isArray(container) ? [] : {})
  const root = emptyLike(value)
  const waiting: Array<readonly [from: object, to: object]> = [[value, root]]
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    const [from, to] = pair
    for (const [name, child] of Object.entries(from)) {
      if (isContainer(child)) {
        const copy = emptyLike(child)
        waiting.push([child, copy])
        put(to, clean(name), copy)
      } else put(to, clean(name), typeof child === "string" ? clean(child) : child)
    }
  }
  return root as A & object
}

/**
 * A value as text, where PostHog takes any JSON value for a name: a string is itself, anything else its compact JSON
 * text, objects with their keys sorted (spec capture 2.5). Stops soon after `enough` UTF-16 units, so that neither a huge nor a
 * deep value costs more than what is used of it.
 */
export const textOf = (value: unknown, enough = Number.POSITIVE_INFINITY): string => {
  if (typeof value === "string") return value
  let out = ""
  const write = (node: unknown): void => {
    if (out.length > enough) return
    if (Array.isArray(node)) {
      out += "["
      for (let i = 0; i < node.length && out.length <= enough; i++) {
        if (i > 0) out += ","
        write(node[i])
      }
      out += "]"
    } else if (isProperties(node)) {
      out += "{"
      let isFirst = true
      for (const name of Object.keys(node).sort()) {
        if (out.length > enough) break
        out += `${isFirst ? "" : ","}${JSON.stringify(name)}:`
        isFirst = false
        write(node[name])
      }
      out += "}"
    } else out += JSON.stringify(node)
  }
  write(value)
  return out
}
