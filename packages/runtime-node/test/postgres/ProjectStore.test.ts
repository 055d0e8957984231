import { assert, describe, it } from "@effect/vitest"
import type { Project } from "@tributary/domain/project/Project"
import { project } from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import { ProjectStore as Service } from "@tributary/pipeline/service/ProjectStore"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Projects, projectStoreContract } from "../../../pipeline/test/contract/ProjectStore.ts"
import { ProjectsDatabase } from "../../src/postgres/Database.ts"
import { insertProject } from "../../src/postgres/InsertProject.ts"
import * as ProjectStore from "../../src/postgres/ProjectStore.ts"
import * as TestDatabase from "./TestDatabase.ts"

const settingsOf = (project: Project): string =>
  JSON.stringify({
    person_last_seen_at_enabled: project.lastSeenEnabled,
    event_filter: project.eventFilter,
    event_schemas:
      project.eventSchemas === null
        ? null
        : Object.fromEntries([...project.eventSchemas].map(([event, schema]) => [event, Object.fromEntries(schema)]))
  })

const operator = Layer.effect(
  Projects,
  Effect.map(ProjectsDatabase, (sql) =>
    Projects.of({
      put: (p) =>
        Effect.orDie(
          sql.withTransaction(
            Effect.andThen(
              sql`DELETE FROM posthog_team WHERE id = ${p.id}`,
              sql`
                INSERT INTO posthog_team (id, project_id, api_token, secret_api_token, secret_api_token_backup, name, anonymize_ips,
                  person_processing_opt_out, heatmaps_opt_in, cookieless_server_hash_mode, timezone, drop_events_older_than,
                  ingested_event, extra_settings)
                VALUES (${p.id}, ${p.projectId}, ${p.apiToken}, ${p.secretApiToken}, ${p.secretApiTokenBackup}, ${p.name},
                  ${p.anonymizeIps}, ${p.personProcessingOptOut}, ${p.heatmapsOptIn}, ${p.cookielessMode}, ${p.timezone},
                  make_interval(secs => ${p.dropEventsOlderThanSeconds}), ${p.ingestedEvent}, ${settingsOf(p)}::jsonb)`
            )
          )
        ),
      ingested: (id) =>
        Effect.orDie(
          Effect.map(
            sql<{ ingested_event: boolean }>`SELECT ingested_event FROM posthog_team WHERE id = ${id}`,
            (rows) => rows[0]?.ingested_event === true
          )
        )
    })
  )
)

const onDatabase = Layer.merge(ProjectStore.layer, operator).pipe(Layer.provideMerge(TestDatabase.layer))

projectStoreContract("PostgreSQL", onDatabase)

describe("ProjectStore in PostgreSQL", () => {
  const find = (token: string) =>
    Effect.flatMap(Service, (store) => Effect.map(store.byTokens(new Set([token])), (found) => found.get(token)))

  it.effect("a project is not read again within two minutes, a miss not within 10 s", () =>
    Effect.gen(function* () {
      const projects = yield* Projects
      yield* projects.put(project({ id: 1, apiToken: "phc_1" }))
      yield* find("phc_1")
      yield* find("phc_2")
      yield* projects.put(project({ id: 1, apiToken: "phc_1", name: "renamed" }))
      yield* projects.put(project({ id: 2, apiToken: "phc_2" }))
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(yield* find("phc_2"))
      yield* TestClock.adjust("110 seconds")
      assert.strictEqual((yield* find("phc_1"))?.name, "Default project")
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("settings that are not understood are ignored, each as a whole", () =>
    Effect.gen(function* () {
      const sql = yield* ProjectsDatabase
      const settings = JSON.stringify({
        person_last_seen_at_enabled: true,
        event_filter: { mode: "live", tree: { type: "xor" } },
        event_schemas: ["buy"]
      })
      yield* sql`INSERT INTO posthog_team (id, project_id, api_token, extra_settings) VALUES (1, 1, 'phc_1', ${settings}::jsonb)`
      const project = yield* find("phc_1")
      assert.deepStrictEqual(
        [project?.lastSeenEnabled, project?.eventFilter, project?.eventSchemas],
        [true, null, null]
      )
    }).pipe(Effect.provide(onDatabase))
  )

  it.effect("a project that is inserted again stays as it is; only the very first one is told so", () =>
    Effect.gen(function* () {
      const both = yield* Effect.all(
        [insertProject({ token: "phc_local", name: "One" }), insertProject({ token: "phc_local", name: "Two" })],
        { concurrency: 2 }
      )
      assert.strictEqual(both[0].id, both[1].id)
      assert.strictEqual(both.filter((inserted) => inserted.isNew && inserted.isFirst).length, 1)
      const again = yield* insertProject({ token: "phc_local", name: "Three" })
      assert.deepStrictEqual(again, { id: both[0].id, isNew: false, isFirst: false })
      const other = yield* insertProject({ token: "phc_other", name: "Other" })
      assert.deepStrictEqual([other.isNew, other.isFirst], [true, false])
      const project = yield* find("phc_other")
      assert.strictEqual(project?.projectId, project?.id)
    }).pipe(Effect.provide(onDatabase))
  )
})
