/**
 * What templates of functions can name (spec cdp 1.3). All of it is made of the event itself and of its project, so that
 * what is sent for an event does not depend on when it is sent.
 */

import { empty, fromJson, isProperties, type Properties } from "../event/Properties.ts"
import * as Timestamp from "../event/Timestamp.ts"
import * as Uuid from "../event/Uuid.ts"
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
  return fromJson(text)
}

/** A message of which only the outside is read: whose it is. What is inside costs more, and most projects do not want it. */
export interface Envelope {
  readonly team: number
  readonly body: Properties
}

const integerOf = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isInteger(value) ? value : undefined

/** Undefined for what is no message. */
export const parseEnvelope = (text: string): Envelope | undefined => {
  try {
    // Our own row: names without a backslash, which no engine mixes up (docs/decisions/json-parse.md).
    const body: unknown = JSON.parse(text)
    if (!isProperties(body)) return undefined
    const team = integerOf(body["team_id"])
    return team === undefined ? undefined : { team, body }
  } catch {
    return undefined
  }
}

/**
 * Reads the inside; undefined where a part is not what it should be. Times may be ClickHouse's or ISO. A message that names no
 * project is of the team's own, the first environment of a project (spec project).
 */
export const openEnvelope = ({ body, team }: Envelope): EventMessage | undefined => {
  const { distinct_id: distinctId, elements_chain, event, person_id, timestamp, uuid } = body
  const time = toIso(timestamp)
  if (typeof uuid !== "string" || !Uuid.isUuid(uuid) || time === null) return undefined
  if (typeof event !== "string" || typeof distinctId !== "string") return undefined
  try {
    return {
      team,
      projectId: integerOf(body["project_id"]) ?? team,
      uuid,
      event,
      distinctId,
      properties: parseProperties(body["properties"]),
      elementsChain: typeof elements_chain === "string" ? elements_chain : "",
      timestamp: time,
      capturedAt: toIso(body["captured_at"]),
      person:
        typeof person_id === "string" && person_id !== ""
          ? { id: person_id, properties: parseProperties(body["person_properties"]) }
          : null,
      historicalMigration: body["historical_migration"] === true
    }
  } catch {
    return undefined
  }
}

/** Both at once. */
export const parseMessage = (text: string): EventMessage | undefined => {
  const envelope = parseEnvelope(text)
  return envelope === undefined ? undefined : openEnvelope(envelope)
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
  /** Where people reach the site, without a slash at the end. */
  readonly siteUrl: string
}

const projectUrl = (siteUrl: string, team: number): string => `${siteUrl}/project/${team}`

/** Where the event can be looked at. */
export const eventUrl = ({ team, timestamp, uuid }: EventMessage, siteUrl: string): string =>
  `${projectUrl(siteUrl, team)}/events/${encodeURIComponent(uuid)}/${encodeURIComponent(timestamp)}`

/** What a destination's templates see, without its inputs. */
export const ofDestination = (
  message: EventMessage,
  { groups, project, siteUrl, source }: Surroundings
): Properties => {
  const home = projectUrl(siteUrl, project.id)
  const encode = encodeURIComponent
  return {
    project: { id: project.id, name: project.name, url: home },
    source: { name: source.name, url: `${home}/functions/${source.id}/configuration/` },
    event: {
      uuid: message.uuid,
      event: message.event,
      distinct_id: message.distinctId,
      properties: message.properties,
      elements_chain: message.elementsChain,
      timestamp: message.timestamp,
      captured_at: message.capturedAt,
      url: eventUrl(message, siteUrl)
    },
    person:
      message.person === null
        ? { id: "", name: "", url: "", properties: empty }
        : {
            id: message.person.id,
            name: displayName(message.person.properties, message.distinctId),
            url: `${home}/person/${encode(message.distinctId)}`,
            properties: message.person.properties
          },
    groups: Object.fromEntries(
      groups.map(({ index, key, properties, type }) => [
        type,
        { id: key, type, index, url: `${home}/groups/${index}/${encode(key)}`, properties }
      ])
    )
  }
}
