/**
 * A project ("team" in PostgreSQL): owns a token, settings and everything that is ingested with the token
 * (spec project).
 */
import type { EventFilter } from "./EventFilter.ts"
import type { EventSchemas } from "./EventSchema.ts"

export interface Project {
  /** The team id of every table; part of every deterministic person id. */
  readonly id: number
  /** Shared by the environments of one project. Group types are per project, people and groups per team. */
  readonly projectId: number
  readonly apiToken: string
  readonly secretApiToken: string | null
  readonly secretApiTokenBackup: string | null
  readonly name: string
  readonly anonymizeIps: boolean
  readonly personProcessingOptOut: boolean
  readonly heatmapsOptIn: boolean
  /** 0 off, 1 stateless, 2 stateful. */
  readonly cookielessMode: number
  /** IANA zone, for the day boundaries of cookieless mode. */
  readonly timezone: string
  /** Older events are dropped; null or 0 = never. */
  readonly dropEventsOlderThanSeconds: number | null
  readonly ingestedEvent: boolean
  /** `extra_settings.person_last_seen_at_enabled`. */
  readonly lastSeenEnabled: boolean
  readonly eventFilter: EventFilter | null
  readonly eventSchemas: EventSchemas | null
}
