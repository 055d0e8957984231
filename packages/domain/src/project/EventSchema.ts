/** Enforced event schemas of a project (spec worker 1.6, spec project `extra_settings.event_schemas`). */
import { isProperties, type Properties } from "../event/Properties.ts"
import { clean, textOf } from "../event/Text.ts"
import { parseCapture, parseWorker } from "../event/Timestamp.ts"
import type { Rejection } from "../event/Validate.ts"
import type { Subject } from "../warning/Warning.ts"

/** Event name → required property → accepted type names. */
export type EventSchemas = ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<string>>>

/** What is wrong with one property. */
export interface SchemaError {
  readonly property: string
  readonly reason: "missing_required" | "type_mismatch"
  readonly expectedTypes?: ReadonlyArray<string>
  readonly actualValue?: string
}

const decodeProperties = (value: unknown): ReadonlyMap<string, ReadonlyArray<string>> | undefined => {
  if (!isProperties(value)) return undefined
  const properties = new Map<string, ReadonlyArray<string>>()
  for (const [property, types] of Object.entries(value)) {
    if (!Array.isArray(types) || !types.every((type) => typeof type === "string")) return undefined
    properties.set(property, types)
  }
  return properties
}

/**
 * Reads `extra_settings.event_schemas` (spec project). Null where there is none; undefined where it is not understood: then it is
 * ignored as a whole, with a log line by the caller.
 */
export const decode = (value: unknown): EventSchemas | null | undefined => {
  if (value === undefined || value === null) return null
  if (!isProperties(value)) return undefined
  const schemas = new Map<string, ReadonlyMap<string, ReadonlyArray<string>>>()
  for (const [event, listed] of Object.entries(value)) {
    const properties = decodeProperties(listed)
    if (properties === undefined) return undefined
    schemas.set(event, properties)
  }
  return schemas.size === 0 ? null : schemas
}

const isNumericText = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text))

/** Whether a value that is there can be read as a type. A type that we do not know takes everything. */
const isCoercible = (type: string, value: unknown): boolean => {
  switch (type) {
    case "String":
      return true
    case "Numeric":
      return typeof value === "number" || (typeof value === "string" && isNumericText(value))
    case "Boolean":
      return typeof value === "boolean" || value === "true" || value === "false"
    case "DateTime":
      return parseCapture(value) !== undefined || (typeof value === "string" && parseWorker(value) !== undefined)
    case "Object":
      return typeof value === "object"
    default:
      return true
  }
}

const maxValueShown = 200

/** What an event lacks by its project's schemas; empty when nothing, or when its name has no schema (spec worker 1.6). */
export const check = (schemas: EventSchemas, event: string, properties: Properties): ReadonlyArray<SchemaError> => {
  const schema = schemas.get(event)
  if (schema === undefined) return []
  const errors: Array<SchemaError> = []
  for (const [property, expectedTypes] of schema) {
    const value = Object.hasOwn(properties, property) ? properties[property] : undefined
    if (value === undefined || value === null) errors.push({ property, reason: "missing_required" })
    else if (!expectedTypes.some((type) => isCoercible(type, value))) {
      const actualValue = clean(textOf(value, maxValueShown).slice(0, maxValueShown))
      errors.push({ property, reason: "type_mismatch", expectedTypes, actualValue })
    }
  }
  return errors
}

/** `check` as the worker uses it: undefined, or why the event is dropped and the warning that says so. */
export const reject = (schemas: EventSchemas, subject: Subject, properties: Properties): Rejection | undefined => {
  const errors = check(schemas, subject.event, properties)
  if (errors.length === 0) return undefined
  const details = { eventUuid: subject.uuid, eventName: subject.event, distinctId: subject.distinctId, errors }
  return {
    reason: "schema_validation_failed",
    warning: { team: subject.team, type: "schema_validation_failed", details }
  }
}
