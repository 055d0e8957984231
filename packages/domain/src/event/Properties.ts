/**
 * JSON objects that travel with events, people and groups.
 *
 * Keys come from outside, so they are data: `__proto__`, `constructor` and friends are ordinary names. Never write
 * `target[key] = value` on a plain object; spread, `Object.fromEntries` or a `Map` keep own keys only.
 */
import * as Schema from "effect/Schema"

/** A JSON object, carried along as it is: never walked or copied without need. */
export type Properties = Readonly<Record<string, unknown>>

/** The object without keys. Shared, so that "nothing there" costs no allocation. */
export const empty: Properties = Object.freeze({})

/** True for JSON objects; false for arrays, null and everything else. */
export const isProperties = (value: unknown): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The schema of an opaque JSON object: checked once, never walked, never copied. */
export const Properties: Schema.Schema<Properties> = Schema.declare(isProperties, { identifier: "Properties" })
