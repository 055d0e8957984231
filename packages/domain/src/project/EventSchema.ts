/** Enforced event schemas of a project (spec worker 1.6, spec project `extra_settings.event_schemas`). */

/** Event name → required property → accepted type names. */
export type EventSchemas = ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<string>>>
