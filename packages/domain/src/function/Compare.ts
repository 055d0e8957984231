/**
 * Comparisons of property filters (spec cdp 1.4): numbers and numeric texts compare as numbers, booleans equal 0 and 1
 * and their own names, null equals null, and null is neither greater nor less than anything.
 */
import * as Properties from "../event/Properties.ts"

/** The number that a value stands for; NaN for what is none, the empty text included. */
const toNumber = (value: unknown): number => {
  if (typeof value === "number") return value
  if (typeof value === "boolean") return value ? 1 : 0
  return typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN
}

/** Null and missing are one. Objects and lists are equal when their JSON texts are. */
export const isEqual = (left: unknown, right: unknown): boolean => {
  const a = left ?? null
  const b = right ?? null
  if (a === b) return true
  if (a === null || b === null) return false
  if (typeof a === typeof b) return typeof a === "object" && JSON.stringify(a) === JSON.stringify(b)
  if (typeof a === "object" || typeof b === "object") return false
  const isNamedBoolean = (boolean: unknown, text: unknown): boolean =>
    typeof boolean === "boolean" && typeof text === "string" && String(boolean) === text
  return isNamedBoolean(a, b) || isNamedBoolean(b, a) || toNumber(a) === toNumber(b)
}

/** Negative, 0 or positive like a comparator; undefined where the two have no order. Two texts that are no numbers go by code units. */
export const order = (left: unknown, right: unknown): number | undefined => {
  const a = toNumber(left)
  const b = toNumber(right)
  if (!Number.isNaN(a) && !Number.isNaN(b)) return a - b
  if (typeof left !== "string" || typeof right !== "string") return undefined
  return left < right ? -1 : left > right ? 1 : 0
}

/** A value as the text that `icontains` and `regex` look at; undefined for null. */
export const asText = (value: unknown): string | undefined => {
  if (value === null || value === undefined) return undefined
  return typeof value === "string"
    ? value
    : Array.isArray(value) || Properties.isProperties(value)
      ? JSON.stringify(value)
      : String(value)
}
