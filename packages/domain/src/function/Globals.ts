/**
 * What templates of functions can name (spec cdp 1.3). All of it is made of the event itself and of its project, so that
 * what is sent for an event does not depend on when it is sent.
 */

import { empty, isProperties, type Properties } from "../event/Properties.ts"
import * as Timestamp from "../event/Timestamp.ts"
import type { Subject } from "./Filter.ts"

export const transformationRoots: ReadonlySet<string> = new Set(["project", "event", "inputs"])
export const destinationRoots: ReadonlySet<string> = new Set([
  "project",
  "source",
  "event",
  "person",
  "groups",
  "inputs"
])

/** What a transformation's templates see. */
export const ofTransformation = (
  event: {
    readonly uuid: string
    readonly event: string
    readonly distinctId: string
    readonly properties: Properties
    readonly timestamp: string
  },
  project: { readonly id: number; readonly url: string }
): Properties => ({
  project: { id: project.id, name: "", url: project.url },
  event: {
    uuid: event.uuid,
    event: event.event,
    distinct_id: event.distinctId,
    properties: event.properties,
    elements_chain: event.properties["$elements_chain"] || "",
    timestamp: event.timestamp,
    url: event.properties["$current_url"] || ""
  }
})

/** A message of `clickhouse_events_json`, as far as destinations need it (spec worker 5.1). */
export interface EventMessage {
  readonly team: number
  readonly projectId: number
  readonly uuid: string
  readonly event: string
  readonly distinctId: string
  readonly properties: Properties
  readonly elementsChain: string
  /** ISO 8601, UTC. */
  readonly timestamp: string
  readonly capturedAt: string | null
  /** Null where the event carries no person. */
  readonly person: { readonly id: string; readonly properties: Properties } | null
  readonly historicalMigration: boolean
}

const toIso = (time: unknown): string | null => {
  if (typeof time !== "string") return null
  const ms = Timestamp.parseWorker(time)
  return ms === undefined ? null : Timestamp.toIso(ms)
}

const parseProperties = (text: unknown): Properties => {
  if (typeof text !== "string" || text === "") return empty
  const value: unknown = JSON.parse(text)
  return isProperties(value) ? value : empty
}

/** Reads a message; undefined for what is none. Times may be ClickHouse's or ISO. */
export const parseMessage = (text: string): EventMessage | undefined => {
  try {
    const message: unknown = JSON.parse(text)
    if (!isProperties(message)) return undefined
    const { distinct_id: distinctId, elements_chain, event, person_id, team_id: team, timestamp, uuid } = message
    const time = toIso(timestamp)
    const isComplete =
      typeof team === "number" &&
      typeof uuid === "string" &&
      typeof event === "string" &&
      typeof distinctId === "string"
    if (!isComplete || time === null) return undefined
    return {
      team,
      projectId: typeof message["project_id"] === "number" ? message["project_id"] : team,
      uuid,
      event,
      distinctId,
      properties: parseProperties(message["properties"]),
      elementsChain: typeof elements_chain === "string" ? elements_chain : "",
      timestamp: time,
      capturedAt: toIso(message["captured_at"]),
      person:
        typeof person_id === "string" && person_id !== ""
          ? { id: person_id, properties: parseProperties(message["person_properties"]) }
          : null,
      historicalMigration: message["historical_migration"] === true
    }
  } catch {
    return undefined
  }
}

/** A group of an event, with what is stored of it. */
export interface EventGroup {
  readonly type: string
  readonly index: number
  readonly key: string
  readonly properties: Properties
}

/** What a destination's filters see. */
export const subjectOf = (message: EventMessage, groups: ReadonlyArray<EventGroup>): Subject => ({
  event: message.event,
  properties: message.properties,
  elementsChain: message.elementsChain,
  person: message.person?.properties ?? empty,
  group: (index) => groups.find((group) => group.index === index)?.properties ?? empty
})

const displayNameKeys = ["email", "name", "username"]

const displayName = (properties: Properties, distinctId: string): string => {
  for (const key of displayNameKeys) {
    const value = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (value === null || value === undefined) continue
    const text = (typeof value === "string" ? value : JSON.stringify(value)).trim()
    if (text !== "") return text
  }
  return distinctId
}

export interface Surroundings {
  readonly project: { readonly id: number; readonly name: string }
  readonly source: { readonly id: string; readonly name: string }
  readonly groups: ReadonlyArray<EventGroup>
  /** Where people reach the console, without a slash at the end. */
  readonly siteUrl: string
}

/** What a destination's templates see, without its inputs. */
export const ofDestination = (
  message: EventMessage,
  { groups, project, siteUrl, source }: Surroundings
): Properties => {
  const projectUrl = `${siteUrl}/project/${project.id}`
  const encode = encodeURIComponent
  return {
    project: { id: project.id, name: project.name, url: projectUrl },
    source: { name: source.name, url: `${projectUrl}/functions/${source.id}/configuration/` },
    event: {
      uuid: message.uuid,
      event: message.event,
      distinct_id: message.distinctId,
      properties: message.properties,
      elements_chain: message.elementsChain,
      timestamp: message.timestamp,
      captured_at: message.capturedAt,
      url: `${projectUrl}/events/${encode(message.uuid)}/${encode(message.timestamp)}`
    },
    person:
      message.person === null
        ? { id: "", name: "", url: "", properties: empty }
        : {
            id: message.person.id,
            name: displayName(message.person.properties, message.distinctId),
            url: `${projectUrl}/person/${encode(message.distinctId)}`,
            properties: message.person.properties
          },
    groups: Object.fromEntries(
      groups.map(({ index, key, properties, type }) => [
        type,
        { id: key, type, index, url: `${projectUrl}/groups/${index}/${encode(key)}`, properties }
      ])
    )
  }
}
