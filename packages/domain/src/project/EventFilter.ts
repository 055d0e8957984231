/** A project's own filter over event name and distinct id (spec worker 1.8, spec project `extra_settings.event_filter`). */
import { isProperties } from "../event/Properties.ts"

export type FilterNode =
  | { readonly type: "and"; readonly children: ReadonlyArray<FilterNode> }
  | { readonly type: "or"; readonly children: ReadonlyArray<FilterNode> }
  | { readonly type: "not"; readonly child: FilterNode }
  | {
      readonly type: "condition"
      readonly field: "event_name" | "distinct_id"
      readonly operator: "exact" | "contains"
      readonly value: string
    }

export interface EventFilter {
  /** For metrics. */
  readonly id: string
  /** Only `live` drops; any other mode counts what it would have dropped. */
  readonly mode: string
  readonly tree: FilterNode
}

/** The values of an event that a filter looks at. */
export interface Filtered {
  readonly eventName: string | undefined
  readonly distinctId: string | undefined
}

/** More nesting than anybody writes; keeps reading and evaluating within the stack. */
const maxDepth = 100

const decodeNode = (value: unknown, depth: number): FilterNode | undefined => {
  if (!isProperties(value) || depth > maxDepth) return undefined
  const { type } = value
  switch (type) {
    case "and":
    case "or": {
      if (!Array.isArray(value["children"])) return undefined
      const children: Array<FilterNode> = []
      for (const item of value["children"]) {
        const child = decodeNode(item, depth + 1)
        if (child === undefined) return undefined
        children.push(child)
      }
      return { type, children }
    }
    case "not": {
      const child = decodeNode(value["child"], depth + 1)
      return child === undefined ? undefined : { type, child }
    }
    case "condition": {
      const { field, operator, value: text } = value
      if (field !== "event_name" && field !== "distinct_id") return undefined
      if (operator !== "exact" && operator !== "contains") return undefined
      return typeof text === "string" ? { type, field, operator, value: text } : undefined
    }
    default:
      return undefined
  }
}

const hasCondition = (node: FilterNode): boolean => {
  switch (node.type) {
    case "and":
    case "or":
      return node.children.some(hasCondition)
    case "not":
      return hasCondition(node.child)
    case "condition":
      return true
  }
}

/**
 * Reads `extra_settings.event_filter` (spec project). Null where there is none, or a tree without any condition, which
 * filters nothing; undefined where it is not understood: then it is ignored as a whole, with a log line by the caller.
 */
export const decode = (value: unknown): EventFilter | null | undefined => {
  if (value === undefined || value === null) return null
  if (!isProperties(value)) return undefined
  const { id = "event_filter", mode } = value
  const tree = decodeNode(value["tree"], 0)
  if (typeof id !== "string" || typeof mode !== "string" || tree === undefined) return undefined
  return hasCondition(tree) ? { id, mode, tree } : null
}

const holds = (node: FilterNode, event: Filtered): boolean => {
  switch (node.type) {
    case "and":
      return node.children.length > 0 && node.children.every((child) => holds(child, event))
    case "or":
      return node.children.some((child) => holds(child, event))
    case "not":
      return !holds(node.child, event)
    case "condition": {
      const actual = node.field === "event_name" ? event.eventName : event.distinctId
      if (actual === undefined) return false
      return node.operator === "exact" ? actual === node.value : actual.includes(node.value)
    }
  }
}

/** No filter touches them: without merges and groups the people of later events would be wrong (spec worker 10.2). */
const exempt: ReadonlySet<string> = new Set(["$identify", "$create_alias", "$merge_dangerously", "$groupidentify"])

/** True when the filter's tree holds for the event (spec worker 1.8). */
export const matches = (filter: EventFilter, event: Filtered): boolean =>
  !(event.eventName !== undefined && exempt.has(event.eventName)) && holds(filter.tree, event)

/**
 * What a filter does with an event, named as the app metric counts it: `dropped` in mode `live`, `would_be_dropped` in any
 * other; undefined when it does not match.
 */
export const verdict = (filter: EventFilter, event: Filtered): "dropped" | "would_be_dropped" | undefined =>
  matches(filter, event) ? (filter.mode === "live" ? "dropped" : "would_be_dropped") : undefined
