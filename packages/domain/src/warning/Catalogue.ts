/** Every type of ingestion warning, and what follows from its type (spec worker 6.7). */

export type Category = "size" | "merge" | "event" | "transformation" | "replay"

/** error: an event was dropped; warning: it was changed or partly refused; info: dropped on purpose, or a note. */
export type Severity = "error" | "warning" | "info"

export interface Entry {
  readonly category: Category
  readonly severity: Severity
  /** The step that raises it, where it has a name of its own. */
  readonly pipelineStep?: string
  /** True: never held back. Else one an hour, per project, type and key. */
  readonly alwaysSend: boolean
}

const debounced = (category: Category, severity: Severity): Entry => ({ category, severity, alwaysSend: false })
const always = (category: Category, severity: Severity, pipelineStep?: string): Entry => ({
  category,
  severity,
  alwaysSend: true,
  ...(pipelineStep === undefined ? {} : { pipelineStep })
})

const fromWorker: ReadonlyArray<readonly [type: string, entry: Entry]> = [
  ["message_size_too_large", debounced("size", "error")],
  ["person_properties_size_violation", debounced("size", "error")],
  ["person_upsert_message_size_too_large", debounced("size", "error")],
  ["group_upsert_message_size_too_large", debounced("size", "error")],
  ["group_key_too_long", debounced("size", "error")],
  ["cannot_merge_already_identified", always("merge", "warning", "person-merge")],
  ["cannot_merge_with_illegal_distinct_id", always("merge", "warning", "person-merge")],
  ["merge_race_condition", always("merge", "error")],
  ["client_ingestion_warning", always("event", "info", "client-emit")],
  ["ignored_invalid_timestamp", debounced("event", "warning")],
  ["schema_validation_failed", debounced("event", "error")],
  ["skipping_event_invalid_distinct_id", debounced("event", "error")],
  ["invalid_process_person_profile", debounced("event", "warning")],
  ["invalid_event_when_process_person_profile_is_false", always("event", "error")],
  ["invalid_anon_distinct_id", debounced("event", "error")],
  ["invalid_alias", debounced("event", "error")],
  ["invalid_group_set", debounced("event", "warning")],
  ["invalid_event_session_id", debounced("event", "warning")],
  ["event_uuid_timestamp_divergent", debounced("event", "warning")],
  ["event_dropped_too_old", debounced("event", "info")],
  ["cookieless_missing_timestamp", debounced("event", "error")],
  ["cookieless_missing_user_agent", debounced("event", "error")],
  ["cookieless_missing_ip", debounced("event", "error")],
  ["cookieless_missing_host", debounced("event", "error")],
  ["cookieless_timestamp_out_of_range", debounced("event", "error")],
  ["invalid_heatmap_data", debounced("event", "warning")],
  ["rejecting_heatmap_data_with_invalid_url", debounced("event", "warning")],
  ["rejecting_heatmap_data_with_invalid_items", debounced("event", "warning")],
  ["event_dropped_by_transformation", debounced("transformation", "info")]
]

/** The types that capture raises; they arrive as `$$client_ingestion_warning` events. */
export const captureTypes: ReadonlySet<string> = new Set([
  "missing_event_name",
  "event_name_too_long",
  "missing_distinct_id",
  "distinct_id_too_large",
  "invalid_event_timestamp",
  "malformed_event_properties",
  "invalid_options",
  "empty_batch",
  "invalid_batch",
  "missing_event_uuid",
  "invalid_event_uuid",
  "duplicate_event_uuid"
])

const captureEntry = debounced("event", "error")

/** All types, with what follows from them. */
export const catalogue: ReadonlyMap<string, Entry> = new Map([
  ...fromWorker,
  ...[...captureTypes].map((type) => [type, captureEntry] as const)
])

/** What a type is taken for that the table does not have, as one of an embedding program's own. */
const unknown: Entry = debounced("event", "warning")

export const entryOf = (type: string): Entry => catalogue.get(type) ?? unknown
