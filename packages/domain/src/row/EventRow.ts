/** The message on `clickhouse_events_json`: one event as ClickHouse stores it (spec worker 5.1). Its key is the event's uuid. */
import { chainOf } from "../event/ElementsChain.ts"
import type { EventPerson, ProcessedEvent } from "../event/Event.ts"
import { objectAt, type Properties } from "../event/Properties.ts"
import { toClickHouse, toClickHouseSeconds } from "../event/Timestamp.ts"

/** The header `productTrack`. */
export const productTrack = (event: string): "llma" | "general" => (event.startsWith("$ai_") ? "llma" : "general")

/** JSON leaves undefined values out, and an override costs a tenth of a deletion. */
const withoutElements = (properties: Properties): Properties =>
  Object.hasOwn(properties, "$elements") || Object.hasOwn(properties, "$elements_chain")
    ? { ...properties, $elements: undefined, $elements_chain: undefined }
    : properties

/** The person as the event shows it: what the event sets is seen even where its write was filtered (spec worker 3.9). */
const personProperties = (person: EventPerson, properties: Properties): Properties => {
  if (person.mode !== "full") return {}
  const set = objectAt(properties, "$set")
  return { ...person.properties, ...set }
}

/**
 * The text of the message. `now` is the worker's clock in milliseconds, for `created_at` alone. Throws a RangeError when
 * properties are nested deeper than `JSON.stringify` can go (several thousand levels): such an event cannot be stored.
 */
export const encode = (event: ProcessedEvent, now: number): string => {
  const { person, properties, project } = event
  return JSON.stringify({
    uuid: event.uuid,
    event: event.event,
    properties: JSON.stringify(withoutElements(properties)),
    timestamp: toClickHouse(event.timestamp),
    team_id: project.id,
    project_id: project.projectId,
    distinct_id: event.distinctId,
    elements_chain: chainOf(properties),
    created_at: toClickHouse(now),
    captured_at: event.capturedAt === null ? null : toClickHouse(event.capturedAt),
    person_id: person.uuid,
    person_properties: JSON.stringify(personProperties(person, properties)),
    person_created_at: toClickHouseSeconds(person.createdAt),
    person_mode: person.mode,
    historical_migration: event.historicalMigration ? true : undefined
  })
}
