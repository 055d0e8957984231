/**
 * JSON objects that travel with events, people and groups.
 *
 * Keys come from outside, so they are data: `__proto__`, `constructor` and friends are ordinary names. Never write
 * `target[key] = value` on a plain object; spread, `Object.fromEntries` or a `Map` keep own keys only.
 */
import * as Schema from "effect/Schema"
import * as Json from "./Json.ts"

/** A JSON object, carried along as it is: never walked or copied without need. */
export type Properties = Readonly<Record<string, unknown>>

/** The object without keys. Shared, so that "nothing there" costs no allocation. */
export const empty: Properties = Object.freeze({})

/** True for JSON objects; false for arrays, null and everything else. */
export const isProperties = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The object that a JSON text holds; the empty object where it holds something else. Throws a SyntaxError where it is no JSON. */
export const fromJson = (text: string): Properties => {
  const value = Json.parse(text)
  return isProperties(value) ? value : empty
}

/** The schema of an opaque JSON object: checked once, never walked, never copied. */
export const Properties: Schema.Schema<Properties> = Schema.declare(isProperties, { identifier: "Properties" })

/** The object at that name; the empty object where there is none or something else, such as a text or a list. */
export const objectAt = (properties: Properties, name: string): Properties => {
  const value = Object.hasOwn(properties, name) ? properties[name] : undefined
  return isProperties(value) ? value : empty
}

/** The names that `$unset` removes: the texts of a list, or an object's keys, each once (spec worker 2.5). */
export const unsetNames = (unset: unknown): ReadonlyArray<string> => {
  const names = Array.isArray(unset) ? unset : isProperties(unset) ? Object.keys(unset) : []
  return [...new Set(names.filter((name) => typeof name === "string"))]
}
