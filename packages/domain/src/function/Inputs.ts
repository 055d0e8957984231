/**
 * Inputs of a configured function, ready to be evaluated (spec cdp 1.2, 1.6).
 *
 * Values come from the row, in this order, later ones winning: the program's defaults, `inputs`, the secret inputs, the
 * mapping's inputs. They are resolved in the order of their dependencies (`{inputs.other}`); a cycle is refused.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Properties } from "../event/Properties.ts"
import { oneLine, type Refusal } from "./Refusal.ts"
import * as Template from "./Template.ts"

export interface Inputs {
  /** In the order of resolution. */
  readonly entries: ReadonlyArray<readonly [key: string, template: Template.Template]>
  /** True when no value depends on the event. */
  readonly isLiteral: boolean
  readonly secretKeys: ReadonlySet<string>
}

export const none: Inputs = { entries: [], isLiteral: true, secretKeys: new Set() }

/** The columns that inputs come from, not yet looked at. */
export interface Source {
  readonly schema: unknown
  readonly inputs: unknown
  /** What `encrypted_inputs` decrypts to. */
  readonly secrets: unknown
}

const Field = Schema.Struct({
  key: Schema.String,
  type: Schema.optionalKey(Schema.String),
  required: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  secret: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  templating: Schema.optionalKey(Schema.Unknown)
})
const Value = Schema.Struct({
  value: Schema.optionalKey(Schema.Unknown),
  templating: Schema.optionalKey(Schema.Unknown)
})
const decodeFields = Schema.decodeUnknownResult(Schema.NullOr(Schema.Array(Field)))
const decodeValues = Schema.decodeUnknownResult(Schema.NullOr(Schema.Record(Schema.String, Value)))

/** Types whose value is taken as it is. */
const untemplated = new Set(["number", "boolean", "choice", "non_failure_status_codes"])
/** Types that need what is not here: stored connections to other services. */
const unknownTypes = new Set(["integration", "integration_field", "email", "native_email"])

interface Raw {
  readonly value: unknown
  readonly templating: unknown
  readonly secret: boolean
}

const isMissing = (value: unknown): boolean => value === null || value === undefined || value === ""

/** The part of the row that is not understood: `inputs.url`. */
export type Fault = Pick<Refusal, "part" | "problem">

/** Reads the inputs of one function or mapping. */
export const parse = (
  sources: ReadonlyArray<Source>,
  defaults: Properties,
  roots: ReadonlySet<string>
): Result.Result<Inputs, Fault> => {
  const fault = (part: string, problem: string) => Result.fail({ part, problem })
  const fields = new Map<string, typeof Field.Type>()
  const raw = new Map<string, Raw>()
  for (const [key, value] of Object.entries(defaults)) raw.set(key, { value, templating: undefined, secret: false })
  for (const source of sources) {
    const schema = decodeFields(source.schema ?? null)
    if (Result.isFailure(schema)) return fault("inputs_schema", oneLine(schema.failure.message))
    for (const field of schema.success ?? []) fields.set(field.key, field)
    for (const [column, isSecret] of [
      ["inputs", false],
      ["secrets", true]
    ] as const) {
      const values = decodeValues(source[column] ?? null)
      if (Result.isFailure(values)) return fault(column, oneLine(values.failure.message))
      for (const [key, { templating, value }] of Object.entries(values.success ?? {})) {
        if (!isMissing(value)) raw.set(key, { value, templating, secret: isSecret })
      }
    }
  }
  for (const { key, required } of fields.values()) {
    if (required === true && !raw.has(key)) return fault(`inputs.${key}`, "a required input is missing")
  }
  const templates = new Map<string, Template.Template>()
  const secretKeys = new Set<string>()
  for (const [key, input] of raw) {
    const template = templateOf(input, fields.get(key), roots)
    if (Result.isFailure(template)) return fault(`inputs.${key}`, template.failure)
    const isSecret = input.secret || fields.get(key)?.secret === true
    if (isSecret) secretKeys.add(key)
    templates.set(key, isSecret ? Template.secret(template.success) : template.success)
  }
  return Result.map(inOrder(templates), (entries) => ({
    entries,
    isLiteral: entries.every(([, template]) => Template.isLiteral(template)),
    secretKeys
  }))
}

const templateOf = (
  input: Raw,
  field: typeof Field.Type | undefined,
  roots: ReadonlySet<string>
): Result.Result<Template.Template, string> => {
  const type = field?.type ?? "json"
  if (unknownTypes.has(type)) return Result.fail(`an input of type ${type} is not understood`)
  const templating = input.templating ?? field?.templating
  if (untemplated.has(type) || templating === false) return Result.succeed(Template.literal(input.value))
  if (templating === "liquid") return Result.fail("Liquid is not understood")
  return Template.parseJson(input.value, roots)
}

/** Dependencies first. */
const inOrder = (
  templates: ReadonlyMap<string, Template.Template>
): Result.Result<ReadonlyArray<readonly [string, Template.Template]>, Fault> => {
  const done = new Map<string, Template.Template>()
  const open = new Set<string>()
  const visit = (key: string): Fault | undefined => {
    const template = templates.get(key)
    if (template === undefined || done.has(key)) return undefined
    const part = `inputs.${key}`
    if (open.has(key)) return { part, problem: "it refers to itself" }
    open.add(key)
    for (const [root, other] of Template.paths(template)) {
      if (root !== "inputs") continue
      const fault = other === undefined ? { part, problem: "{inputs} must name one input" } : visit(other)
      if (fault !== undefined) return fault
    }
    done.set(key, template)
    return undefined
  }
  for (const key of templates.keys()) {
    const fault = visit(key)
    if (fault !== undefined) return Result.fail(fault)
  }
  return Result.succeed([...done])
}

/** The values for one event. Never fails. */
export const resolve = (inputs: Inputs, globals: Properties): Properties => {
  let values: Properties = {}
  for (const [key, template] of inputs.entries) {
    values = { ...values, [key]: Template.evaluate(template, { ...globals, inputs: values }) }
  }
  return values
}
