/** A project's own filter over event name and distinct id (spec worker 1.8, spec project `extra_settings.event_filter`). */

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
