/** Projects in memory. Reads the given array each time: what is pushed to it, or replaced in it, holds from then on. */
import type { Project } from "@tributary/domain/project/Project"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ProjectStore } from "../ProjectStore.ts"

/** A project with every setting at its default; `id` is also the id of the project that the environment belongs to. */
export const project = (partial: Pick<Project, "id" | "apiToken"> & Partial<Project>): Project => ({
  projectId: partial.id,
  secretApiToken: null,
  secretApiTokenBackup: null,
  name: "Default project",
  anonymizeIps: false,
  personProcessingOptOut: false,
  heatmapsOptIn: false,
  cookielessMode: 0,
  timezone: "UTC",
  dropEventsOlderThanSeconds: null,
  ingestedEvent: false,
  lastSeenEnabled: false,
  eventFilter: null,
  eventSchemas: null,
  ...partial
})

export const layer = (projects: Array<Project>): Layer.Layer<ProjectStore> => {
  const withToken = (token: string) =>
    /^\d{1,10}$/.test(token) ? undefined : projects.find((candidate) => candidate.apiToken === token)
  return Layer.succeed(
    ProjectStore,
    ProjectStore.of({
      byTokens: (tokens) => Effect.sync(() => new Map([...tokens].map((token) => [token, withToken(token)]))),
      byIds: (ids) =>
        Effect.sync(() => new Map([...ids].map((id) => [id, projects.find((candidate) => candidate.id === id)]))),
      peek: (token) => withToken(token) ?? null,
      markIngested: (ids) =>
        Effect.sync(() => {
          for (const [i, candidate] of projects.entries()) {
            if (ids.includes(candidate.id)) projects[i] = { ...candidate, ingestedEvent: true }
          }
        })
    })
  )
}
