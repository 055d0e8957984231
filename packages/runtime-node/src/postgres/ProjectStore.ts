/** Projects in `posthog_team`, cached (spec worker 1.4, spec project). */
import type { PgClient } from "@effect/sql-pg/PgClient"
import { isProperties } from "@tributary/domain/event/Properties"
import * as Text from "@tributary/domain/event/Text"
import * as EventFilter from "@tributary/domain/project/EventFilter"
import * as EventSchema from "@tributary/domain/project/EventSchema"
import type { Project } from "@tributary/domain/project/Project"
import { ProjectStore } from "@tributary/pipeline/service/ProjectStore"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CachedRows from "./CachedRows.ts"
import { ProjectsDatabase } from "./Database.ts"
import * as SqlFailure from "./SqlFailure.ts"

interface TeamRow {
  readonly id: number
  readonly project_id: number
  readonly api_token: string
  readonly secret_api_token: string | null
  readonly secret_api_token_backup: string | null
  readonly name: string
  readonly anonymize_ips: boolean
  readonly person_processing_opt_out: boolean
  readonly heatmaps_opt_in: boolean
  readonly cookieless_server_hash_mode: number
  readonly timezone: string
  readonly drop_events_older_than: number | null
  readonly ingested_event: boolean
  readonly extra_settings: unknown
}

const columns = `id, project_id::float8 AS project_id, api_token, secret_api_token, secret_api_token_backup, name, anonymize_ips,
  person_processing_opt_out, heatmaps_opt_in, cookieless_server_hash_mode, timezone,
  extract(epoch FROM drop_events_older_than)::float8 AS drop_events_older_than, ingested_event, extra_settings`

const selectByToken = `SELECT ${columns} FROM posthog_team WHERE api_token = ANY($1::text[])`
const selectById = `SELECT ${columns} FROM posthog_team WHERE id = ANY($1::int[])`
const setIngested = `UPDATE posthog_team SET ingested_event = true WHERE id = ANY($1::int[]) AND NOT ingested_event`

const setting = (settings: unknown, key: string): unknown =>
  isProperties(settings) && Object.hasOwn(settings, key) ? settings[key] : undefined

/** A key of `extra_settings` that is not understood is ignored as a whole, with a log line (spec project). */
const understood = <A>(row: TeamRow, key: string, decode: (value: unknown) => A | null | undefined) => {
  const decoded = decode(setting(row.extra_settings, key))
  return decoded === undefined
    ? Effect.as(Effect.logWarning(`extra_settings.${key} of project ${row.id} is not understood and is ignored`), null)
    : Effect.succeed(decoded)
}

const projectOf = Effect.fnUntraced(function* (row: TeamRow) {
  return {
    id: row.id,
    projectId: row.project_id,
    apiToken: row.api_token,
    secretApiToken: row.secret_api_token,
    secretApiTokenBackup: row.secret_api_token_backup,
    name: row.name,
    anonymizeIps: row.anonymize_ips,
    personProcessingOptOut: row.person_processing_opt_out,
    heatmapsOptIn: row.heatmaps_opt_in,
    cookielessMode: row.cookieless_server_hash_mode,
    timezone: row.timezone,
    dropEventsOlderThanSeconds: row.drop_events_older_than,
    ingestedEvent: row.ingested_event,
    lastSeenEnabled: setting(row.extra_settings, "person_last_seen_at_enabled") === true,
    eventFilter: yield* understood(row, "event_filter", EventFilter.decode),
    eventSchemas: yield* understood(row, "event_schemas", EventSchema.decode)
  } satisfies Project
})

/** Texts that are no project's token: the loader would take 1–10 digits for an id, the column holds 200 clean characters. */
const isNoToken = (token: string): boolean => /^\d{1,10}$/.test(token) || token.length > 400 || !Text.isClean(token)

/** Longer, and the batch had better pause and say so. */
const patience = "5 seconds"

const lifetimes = { capacity: 100_000, hitMs: 120_000, jitterMs: 30_000, missMs: 10_000, retryMs: 5_000 }

export const make = Effect.fnUntraced(function* (sql: PgClient) {
  const query = Effect.fnUntraced(
    function* (text: string, keys: ReadonlyArray<string | number>) {
      const rows = yield* sql.unsafe<TeamRow>(text, [keys])
      return yield* Effect.forEach(rows, projectOf)
    },
    SqlFailure.orUnavailable("ProjectStore", "load"),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () =>
        new StoreError({
          store: "ProjectStore",
          operation: "load",
          reason: "Unavailable",
          cause: new Error(`no answer within ${patience}`)
        })
    })
  )
  const byToken = yield* CachedRows.make<string, Project>({
    ...lifetimes,
    load: (tokens) =>
      Effect.map(query(selectByToken, tokens), (projects) => new Map(projects.map((p) => [p.apiToken, p])))
  })
  const byId = yield* CachedRows.make<number, Project>({
    ...lifetimes,
    load: (ids) => Effect.map(query(selectById, ids), (projects) => new Map(projects.map((p) => [p.id, p])))
  })
  const marked = new Set<number>()

  return ProjectStore.of({
    byTokens: Effect.fnUntraced(function* (tokens) {
      const possible = [...tokens].filter((token) => !isNoToken(token))
      const found = yield* byToken.get(possible)
      return possible.length === tokens.size ? found : new Map([...tokens].map((token) => [token, found.get(token)]))
    }),
    byIds: (ids) => byId.get(ids),
    peek: (token) => (isNoToken(token) ? null : byToken.peek(token)),
    markIngested: (ids) =>
      Effect.suspend(() => {
        const unmarked = [...new Set(ids)].filter((id) => !marked.has(id))
        if (unmarked.length === 0) return Effect.void
        const remember = Effect.sync(() => {
          for (const id of unmarked) marked.add(id)
        })
        return Effect.andThen(sql.unsafe(setIngested, [unmarked]), remember).pipe(
          SqlFailure.orUnavailable("ProjectStore", "markIngested")
        )
      })
  })
})

export const layer: Layer.Layer<ProjectStore, never, ProjectsDatabase> = Layer.effect(
  ProjectStore,
  Effect.flatMap(ProjectsDatabase, make)
)
