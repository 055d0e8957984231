/** The rights of deploy/postgres are enough for what each program does, and no more: its stores keep their promises with them. */
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import { ProjectStore as Projects } from "@tributary/pipeline/service/ProjectStore"
import * as DeliveryStore from "@tributary/runtime-node/functions/DeliveryStore"
import * as EventGroups from "@tributary/runtime-node/functions/EventGroups"
import { ProjectsDatabase } from "@tributary/runtime-node/postgres/Database"
import * as GroupTypes from "@tributary/runtime-node/postgres/GroupTypes"
import { insertProject } from "@tributary/runtime-node/postgres/InsertProject"
import * as PersonStore from "@tributary/runtime-node/postgres/PersonStore"
import * as Progress from "@tributary/runtime-node/postgres/Progress"
import * as ProjectStore from "@tributary/runtime-node/postgres/ProjectStore"
import * as Start from "@tributary/runtime-node/postgres/Start"
import { Effect, Layer, Redacted } from "effect"
import { deliveryStoreContract } from "../../packages/pipeline/test/contract/DeliveryStore.ts"
import { eventGroupsContract } from "../../packages/pipeline/test/contract/EventGroups.ts"
import { groupTypesContract } from "../../packages/pipeline/test/contract/GroupTypes.ts"
import { personStoreContract } from "../../packages/pipeline/test/contract/PersonStore.ts"
import { progressContract } from "../../packages/pipeline/test/contract/Progress.ts"
import * as StoredGroups from "../../packages/runtime-node/test/functions/StoredGroups.ts"
import * as TestDatabase from "../../packages/runtime-node/test/postgres/TestDatabase.ts"

/** The statements of a file. */
const read = (name: string): ReadonlyArray<string> =>
  readFileSync(new URL(`../postgres/${name}.sql`, import.meta.url), "utf8")
    .replaceAll(/^--.*$/gm, "")
    .split(";")
    .filter((statement) => statement.trim() !== "")

/** Roles belong to the whole server, so each database of these tests has some with names of their own. */
const makeRoles = Effect.gen(function* () {
  const suffix = `_${randomBytes(6).toString("hex")}`
  const named = (sql: string) => sql.replaceAll(/\btributary_(capture|worker)\b/g, (name) => name + suffix)
  const run = (...statements: ReadonlyArray<string>) =>
    ProjectsDatabase.use((sql) =>
      Effect.forEach(statements, (text) => sql.unsafe(named(text)).unprepared, { discard: true })
    ).pipe(Effect.orDie)
  const asAdmin = (...statements: ReadonlyArray<string>) => Effect.provide(run(...statements), TestDatabase.admin)
  const roles = ["tributary_capture", "tributary_worker"]
  yield* Effect.acquireRelease(
    asAdmin(...read("roles"), ...roles.map((role) => `ALTER ROLE ${role} PASSWORD 'secret'`)),
    () => asAdmin(...roles.map((role) => `DROP ROLE ${role}`))
  )
  return { run, suffix }
})

/** A database with all tables; `as` gives the connections of a program. */
const granted = Effect.gen(function* () {
  // Before the database, so that they go after it.
  const { run, suffix } = yield* makeRoles
  const url = yield* TestDatabase.fresh
  const owner = TestDatabase.pools(url, 4)
  yield* Effect.andThen(Start.migrate, run(...read("projects"), ...read("persons"))).pipe(
    Effect.provide(Layer.merge(owner, Health.layer))
  )
  const as = (program: "capture" | "worker") => {
    const theirs = new URL(Redacted.value(url))
    theirs.username = `tributary_${program}${suffix}`
    theirs.password = "secret"
    return TestDatabase.pools(Redacted.make(theirs.href))
  }
  return { as, owner }
})

const asWorker = Layer.unwrap(Effect.map(granted, ({ as }) => as("worker")))

personStoreContract("PostgreSQL, with the worker's rights", PersonStore.layer.pipe(Layer.provide(asWorker)))
progressContract("PostgreSQL, with the worker's rights", Progress.layer.pipe(Layer.provide(asWorker)))
groupTypesContract("PostgreSQL, with the worker's rights", GroupTypes.layer.pipe(Layer.provide(asWorker)))
deliveryStoreContract("PostgreSQL, with the worker's rights", DeliveryStore.layer.pipe(Layer.provide(asWorker)))

eventGroupsContract(
  "PostgreSQL, with the worker's rights",
  Layer.unwrap(
    Effect.gen(function* () {
      const { as, owner } = yield* granted
      yield* Effect.provide(StoredGroups.put, owner)
      return EventGroups.layer.pipe(Layer.provide(as("worker")))
    })
  )
)

const find = (token: string) =>
  Projects.use((store) => Effect.map(store.byTokens(new Set([token])), (found) => found.get(token)))

/** How PostgreSQL answers a statement: with its code, or nothing where it runs it. */
const refusal = (statement: string) =>
  ProjectsDatabase.use((sql) => sql.unsafe(statement)).pipe(
    Effect.match({ onSuccess: () => undefined, onFailure: ({ reason }) => reason._tag })
  )

describe("the rights of deploy/postgres", () => {
  it.live("capture looks at its tables, finds projects by their tokens, and may do nothing else", () =>
    Effect.gen(function* () {
      const { as, owner } = yield* granted
      yield* Effect.provide(insertProject({ token: "phc_mine", name: "Mine" }), owner)
      yield* Effect.gen(function* () {
        yield* Start.lookedAt
        assert.strictEqual((yield* find("phc_mine"))?.name, "Mine")
        assert.isUndefined(yield* find("phc_other"))
        for (const statement of [
          "SELECT FROM posthog_person",
          "SELECT FROM posthog_hogfunction",
          "UPDATE posthog_team SET name = ''",
          "DELETE FROM posthog_team",
          "DELETE FROM tributary_projects_migrations",
          "CREATE TABLE mine ()"
        ]) {
          assert.strictEqual(yield* refusal(statement), "AuthorizationError", statement)
        }
      }).pipe(Effect.provide(ProjectStore.layer.pipe(Layer.provideMerge(Layer.merge(as("capture"), Health.layer)))))
    })
  )

  it.live("a worker starts on tables that stand, notes that a project has sent events, and changes no project", () =>
    Effect.gen(function* () {
      const { as, owner } = yield* granted
      const { id } = yield* Effect.provide(insertProject({ token: "phc_mine", name: "Mine" }), owner)
      yield* Effect.gen(function* () {
        yield* Start.migrate
        yield* Projects.use((store) => store.markIngested([id]))
        assert.isTrue((yield* find("phc_mine"))?.ingestedEvent)
        for (const statement of [
          "UPDATE posthog_team SET api_token = ''",
          "DELETE FROM posthog_team",
          "DELETE FROM posthog_hogfunction",
          "DELETE FROM tributary_progress",
          "CREATE TABLE mine ()"
        ]) {
          assert.strictEqual(yield* refusal(statement), "AuthorizationError", statement)
        }
      }).pipe(Effect.provide(ProjectStore.layer.pipe(Layer.provideMerge(Layer.merge(as("worker"), Health.layer)))))
    })
  )

  it.live("a worker that may not make the tables says so in one line", () =>
    Effect.gen(function* () {
      const { as, owner } = yield* granted
      yield* Effect.provide(
        ProjectsDatabase.use((sql) => sql`DROP TABLE tributary_projects_migrations`),
        owner
      )
      const error = yield* Start.migrate.pipe(Effect.flip, Effect.provide(Layer.merge(as("worker"), Health.layer)))
      assert.match(error.message, /^DATABASE_URL: the user may not do what the tables need: permission denied/)
    })
  )
})
