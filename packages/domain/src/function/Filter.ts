/**
 * Which events a function applies to (spec cdp 1.4): every global property filter, and one of the event entries with
 * its own property filters. No entry: every event. Evaluated as it stands; stored bytecode is not looked at.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { empty, type Properties } from "../event/Properties.ts"
import * as Compare from "./Compare.ts"
import * as Elements from "./Elements.ts"
import * as Pattern from "./Pattern.ts"
import { oneLine } from "./Refusal.ts"

/** What filters see of an event. Transformations have neither person nor groups. */
export interface Subject {
  readonly event: string
  readonly properties: Properties
  readonly elementsChain: string
  readonly person: Properties
  /** Properties of the event's group of the type with this index, 0 … 4. */
  readonly group: (index: number) => Properties
}

export type Predicate = (subject: Subject) => boolean

export interface Filter {
  readonly matches: Predicate
  /** False: events of an import (`historical_migration`) do not match (spec cdp 3.1). */
  readonly includesImports: boolean
  /** Indexes of the groups whose properties are looked at. */
  readonly groups: ReadonlySet<number>
}

export const everything: Filter = { matches: () => true, includesImports: false, groups: new Set() }

const PropertyShape = Schema.Struct({
  key: Schema.String,
  type: Schema.optionalKey(Schema.NullOr(Schema.String)),
  operator: Schema.optionalKey(Schema.NullOr(Schema.String)),
  value: Schema.optionalKey(Schema.Unknown),
  group_type_index: Schema.optionalKey(Schema.NullOr(Schema.Int))
})
const EventShape = Schema.Struct({
  id: Schema.NullOr(Schema.String),
  properties: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown)))
})
const Shape = Schema.Struct({
  source: Schema.optionalKey(Schema.NullOr(Schema.String)),
  events: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
  actions: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
  data_warehouse: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
  properties: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown))),
  historical_migration: Schema.optionalKey(Schema.NullOr(Schema.Boolean))
})
const decodeProperty = Schema.decodeUnknownResult(PropertyShape)
const decodeEvent = Schema.decodeUnknownResult(EventShape)
const decodeShape = Schema.decodeUnknownResult(Shape)

type Parsed<A> = Result.Result<A, string>

/** What a property filter looks at: one value, of elements several. */
type Source = (subject: Subject) => ReadonlyArray<unknown>

const own = (properties: Properties, key: string): unknown =>
  Object.hasOwn(properties, key) ? properties[key] : undefined

const elementKeys: ReadonlySet<string> = new Set<Elements.ElementKey>(["href", "text", "id", "tag_name"])
const isElementKey = (key: string): key is Elements.ElementKey => elementKeys.has(key)

const sourceOf = ({ group_type_index: index, key, type }: typeof PropertyShape.Type, kind: Kind): Parsed<Source> => {
  switch (type ?? "event") {
    case "event":
      return Result.succeed((subject) => [own(subject.properties, key)])
    case "element":
      return isElementKey(key)
        ? Result.succeed((subject) => Elements.values(subject.elementsChain, key))
        : Result.fail(`the element filter ${key} is not understood`)
    case "person":
      return kind === "destination"
        ? Result.succeed((subject) => [own(subject.person, key)])
        : Result.fail("a transformation sees no person")
    case "group":
      if (kind !== "destination") return Result.fail("a transformation sees no groups")
      return typeof index === "number" && index >= 0 && index <= 4
        ? Result.succeed((subject) => [own(subject.group(index), key)])
        : Result.fail("group_type_index must be 0 to 4")
    default:
      return Result.fail(`a filter of type ${type} is not understood`)
  }
}

type Test = (value: unknown) => boolean

const anyOf = (tests: ReadonlyArray<Test>): Test => {
  const [only] = tests
  return tests.length === 1 && only !== undefined ? only : (value) => tests.some((test) => test(value))
}

const listOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [value])

const contains = (value: unknown): Test => {
  const part = (Compare.asText(value) ?? "").toLowerCase()
  return (other) => Compare.asText(other)?.toLowerCase().includes(part) ?? false
}

const compares = (value: unknown, accepts: (order: number) => boolean): Test => {
  return (other) => {
    const order = Compare.order(other, value)
    return order !== undefined && accepts(order)
  }
}

/** The test of a value, and whether the filter asks that no value passes it. */
const testOf = (operator: string, value: unknown): Parsed<{ readonly test: Test; readonly negated: boolean }> => {
  const succeed = (test: Test, negated = false) => Result.succeed({ test, negated })
  switch (operator) {
    case "exact":
    case "is_not":
      return succeed(
        anyOf(
          listOf(value).map(
            (one): Test =>
              (other) =>
                Compare.isEqual(other, one)
          )
        ),
        operator === "is_not"
      )
    case "icontains":
    case "not_icontains":
      return succeed(anyOf(listOf(value).map(contains)), operator === "not_icontains")
    case "regex":
    case "not_regex": {
      const tests: Array<Test> = []
      for (const source of listOf(value)) {
        if (typeof source !== "string") return Result.fail("a regular expression must be a text")
        const pattern = Pattern.parse(source)
        if (Result.isFailure(pattern)) return Result.fail(`the regular expression has ${pattern.failure}`)
        tests.push((other) => {
          const text = Compare.asText(other)
          return text !== undefined && pattern.success(text)
        })
      }
      return succeed(anyOf(tests), operator === "not_regex")
    }
    case "gt":
      return succeed(compares(value, (order) => order > 0))
    case "gte":
      return succeed(compares(value, (order) => order >= 0))
    case "lt":
      return succeed(compares(value, (order) => order < 0))
    case "lte":
      return succeed(compares(value, (order) => order <= 0))
    case "is_set":
      return succeed((other) => other !== null && other !== undefined)
    case "is_not_set":
      return succeed((other) => other !== null && other !== undefined, true)
    default:
      return Result.fail(`the operator ${operator} is not understood`)
  }
}

export type Kind = "transformation" | "destination"

/** Groups that a list of filters looks at are added to `groups`. */
const propertyFilters = (
  list: ReadonlyArray<unknown>,
  kind: Kind,
  groups: Set<number>
): Parsed<ReadonlyArray<Predicate>> => {
  const predicates: Array<Predicate> = []
  for (const item of list) {
    const shape = decodeProperty(item)
    if (Result.isFailure(shape)) return Result.fail(`properties: ${oneLine(shape.failure.message)}`)
    const { group_type_index: index, key, operator, type, value } = shape.success
    const source = sourceOf(shape.success, kind)
    if (Result.isFailure(source)) return Result.fail(`properties, ${key}: ${source.failure}`)
    const test = testOf(operator ?? "exact", value)
    if (Result.isFailure(test)) return Result.fail(`properties, ${key}: ${test.failure}`)
    if (type === "group" && typeof index === "number") groups.add(index)
    const { negated, test: passes } = test.success
    predicates.push((subject) => source.success(subject).some(passes) !== negated)
  }
  return Result.succeed(predicates)
}

const all = (predicates: ReadonlyArray<Predicate>): Predicate => {
  return (subject) => predicates.every((predicate) => predicate(subject))
}

/** Reads the column `filters`; the failure is one sentence about what is not understood. */
export const parse = (filters: unknown, kind: Kind): Parsed<Filter> => {
  const shape = decodeShape(filters ?? {})
  if (Result.isFailure(shape)) return Result.fail(oneLine(shape.failure.message))
  const { actions, data_warehouse, events, historical_migration, properties, source } = shape.success
  if (source !== undefined && source !== null && source !== "events") {
    return Result.fail(`the source ${source} is not understood`)
  }
  if ((actions ?? []).length > 0) return Result.fail("actions are not understood")
  if ((data_warehouse ?? []).length > 0) return Result.fail("data_warehouse is not understood")
  const groups = new Set<number>()
  const global = propertyFilters(properties ?? [], kind, groups)
  if (Result.isFailure(global)) return Result.fail(global.failure)
  const byName = new Map<string | null, Array<Predicate>>()
  for (const item of events ?? []) {
    const entry = decodeEvent(item)
    if (Result.isFailure(entry)) return Result.fail(`events: ${oneLine(entry.failure.message)}`)
    const conditions = propertyFilters(entry.success.properties ?? [], kind, groups)
    if (Result.isFailure(conditions)) return Result.fail(`events, ${entry.success.id}: ${conditions.failure}`)
    const { id } = entry.success
    byName.set(id, [...(byName.get(id) ?? []), all(conditions.success)])
  }
  const matchesGlobal = all(global.success)
  const matchesEntry = (name: string | null, subject: Subject): boolean =>
    byName.get(name)?.some((predicate) => predicate(subject)) ?? false
  return Result.succeed({
    matches: (subject) =>
      (byName.size === 0 || matchesEntry(subject.event, subject) || matchesEntry(null, subject)) &&
      matchesGlobal(subject),
    includesImports: historical_migration === true,
    groups
  })
}

/** What filters of transformations see. */
export const subjectOf = (event: string, properties: Properties): Subject => ({
  event,
  properties,
  elementsChain: typeof properties["$elements_chain"] === "string" ? properties["$elements_chain"] : "",
  person: empty,
  group: () => empty
})
