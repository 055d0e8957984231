/**
 * A transformation or destination that a project configured: a row of `posthog_hogfunction`, read (spec cdp 1.1).
 *
 * The program is one of ours, chosen by `template_id`. A row of which a part is not understood is refused as a whole,
 * with the part and the reason; stored bytecode is never looked at.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Properties } from "../event/Properties.ts"
import * as Filter from "./Filter.ts"
import * as Globals from "./Globals.ts"
import * as Inputs from "./Inputs.ts"
import type { Masking } from "./Masking.ts"
import { oneLine, type Refusal } from "./Refusal.ts"
import * as Template from "./Template.ts"

/** The columns that are read, of a row that is enabled and not deleted. */
export interface Row {
  readonly id: string
  readonly team: number
  /** Other types than the two are not loaded. */
  readonly type: Filter.Kind
  readonly name: string
  readonly executionOrder: number | null
  readonly templateId: string | null
  readonly inputsSchema: unknown
  readonly inputs: unknown
  /** What `encrypted_inputs` decrypts to, null without any; the failure says why it does not. */
  readonly secretInputs: Result.Result<unknown, string>
  readonly filters: unknown
  readonly mappings: unknown
  readonly masking: unknown
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** One way to be invoked: a mapping of a destination, or the function itself where it has none. */
export interface Target {
  /** Index into the mappings; -1 for the function itself. */
  readonly mapping: number
  readonly filter: Filter.Filter
  readonly inputs: Inputs.Inputs
}

export interface HogFunction {
  readonly id: string
  readonly team: number
  readonly kind: Filter.Kind
  readonly name: string
  readonly templateId: string
  readonly executionOrder: number | null
  readonly createdAt: number
  readonly filter: Filter.Filter
  readonly targets: ReadonlyArray<Target>
  readonly masking: Masking | null
}

const MappingShape = Schema.Struct({
  disabled: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  inputs_schema: Schema.optionalKey(Schema.Unknown),
  inputs: Schema.optionalKey(Schema.Unknown),
  filters: Schema.optionalKey(Schema.Unknown)
})
const MaskingShape = Schema.Struct({
  hash: Schema.String,
  ttl: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  threshold: Schema.optionalKey(Schema.NullOr(Schema.Finite))
})
const decodeMappings = Schema.decodeUnknownResult(Schema.NullOr(Schema.Array(MappingShape)))
const decodeMasking = Schema.decodeUnknownResult(Schema.NullOr(MaskingShape))

/** Reads a row. `defaults`: the raw inputs that the program has where the row has none. */
export const decode = (row: Row, defaults: Properties): Result.Result<HogFunction, Refusal> => {
  const refuse = (part: string, problem: string) => Result.fail({ id: row.id, team: row.team, part, problem })
  const roots = row.type === "transformation" ? Globals.transformationRoots : Globals.destinationRoots

  if (row.templateId === null) return refuse("template_id", "there is none")
  const filter = Filter.parse(row.filters, row.type)
  if (Result.isFailure(filter)) return refuse("filters", filter.failure)
  if (Result.isFailure(row.secretInputs)) return refuse("encrypted_inputs", row.secretInputs.failure)
  const source: Inputs.Source = { schema: row.inputsSchema, inputs: row.inputs, secrets: row.secretInputs.success }

  const targets: Array<Target> = []
  const mappings = row.type === "destination" ? decodeMappings(row.mappings ?? null) : Result.succeed(null)
  if (Result.isFailure(mappings)) return refuse("mappings", oneLine(mappings.failure.message))
  if (mappings.success === null) {
    const inputs = Inputs.parse([source], defaults, roots)
    if (Result.isFailure(inputs)) return refuse(inputs.failure.part, inputs.failure.problem)
    targets.push({ mapping: -1, filter: Filter.everything, inputs: inputs.success })
  } else {
    for (const [index, mapping] of mappings.success.entries()) {
      if (mapping.disabled === true) continue
      const own = Filter.parse(mapping.filters, row.type)
      if (Result.isFailure(own)) return refuse(`mappings[${index}].filters`, own.failure)
      const inputs = Inputs.parse(
        [source, { schema: mapping.inputs_schema, inputs: mapping.inputs, secrets: null }],
        defaults,
        roots
      )
      if (Result.isFailure(inputs)) {
        return refuse(`mappings[${index}].${inputs.failure.part}`, inputs.failure.problem)
      }
      targets.push({ mapping: index, filter: own.success, inputs: inputs.success })
    }
  }

  const masking = readMasking(row, roots)
  if (Result.isFailure(masking)) return refuse("masking", masking.failure)
  return Result.succeed({
    id: row.id,
    team: row.team,
    kind: row.type,
    name: row.name,
    templateId: row.templateId,
    executionOrder: row.executionOrder,
    createdAt: row.createdAt,
    filter: filter.success,
    targets,
    masking: masking.success
  })
}

const readMasking = (row: Row, roots: ReadonlySet<string>): Result.Result<Masking | null, string> => {
  const shape = row.type === "destination" ? decodeMasking(row.masking ?? null) : Result.succeed(null)
  if (Result.isFailure(shape)) return Result.fail(oneLine(shape.failure.message))
  if (shape.success === null) return Result.succeed(null)
  const { hash, threshold, ttl } = shape.success
  const template = Template.parseText(hash, roots)
  if (Result.isFailure(template)) return Result.fail(`hash: ${template.failure}`)
  if (Template.paths(template.success).some(([root]) => root === "inputs")) {
    return Result.fail("hash: inputs are not known before an event is masked")
  }
  return Result.succeed({
    hash: template.success,
    ttlSeconds: Math.min(Math.max(ttl ?? 86_400, 1), 86_400),
    threshold: threshold === null || threshold === undefined || threshold <= 0 ? null : threshold
  })
}

/** The target of a mapping's number; undefined where the row has none of it any more. */
export const targetOf = ({ targets }: HogFunction, mapping: number): Target | undefined =>
  targets.find((target) => target.mapping === mapping)

/** Execution order, nulls last, then age, then id: the order in which transformations run (spec cdp 2.1). */
export const byOrder = (a: HogFunction, b: HogFunction): number =>
  (a.executionOrder ?? Number.MAX_SAFE_INTEGER) - (b.executionOrder ?? Number.MAX_SAFE_INTEGER) ||
  a.createdAt - b.createdAt ||
  (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
