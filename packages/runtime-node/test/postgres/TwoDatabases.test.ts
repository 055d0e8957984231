/** `PERSONS_DATABASE_URL` beside `DATABASE_URL`: each has its own tables, and every store finds what it keeps. */
import { assert, describe, it } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import { Effect, Layer, Redacted } from "effect"
import { deliveryStoreContract } from "../../../pipeline/test/contract/DeliveryStore.ts"
import { eventGroupsContract } from "../../../pipeline/test/contract/EventGroups.ts"
import { groupTypesContract } from "../../../pipeline/test/contract/GroupTypes.ts"
import { personStoreContract } from "../../../pipeline/test/contract/PersonStore.ts"
import { progressContract } from "../../../pipeline/test/contract/Progress.ts"
import * as DeliveryStore from "../../src/functions/DeliveryStore.ts"
import * as EventGroups from "../../src/functions/EventGroups.ts"
import * as Database from "../../src/postgres/Database.ts"
import * as GroupTypes from "../../src/postgres/GroupTypes.ts"
import * as PersonStore from "../../src/postgres/PersonStore.ts"
import * as Progress from "../../src/postgres/Progress.ts"
import * as Start from "../../src/postgres/Start.ts"
import * as StoredGroups from "../functions/StoredGroups.ts"
import * as TestDatabase from "./TestDatabase.ts"

const databases = Layer.unwrap(
  Effect.gen(function* () {
    const [databaseUrl, personsDatabaseUrl] = yield* Effect.all([TestDatabase.fresh, TestDatabase.fresh])
    const pools = Layer.orDie(Database.layer({ databaseUrl, personsDatabaseUrl, poolSize: 10 }))
    return Layer.effectDiscard(Start.migrate).pipe(Layer.provide(Health.layer), Layer.provideMerge(pools))
  })
)

personStoreContract("two databases", PersonStore.layer.pipe(Layer.provide(databases)))
progressContract("two databases", Progress.layer.pipe(Layer.provide(databases)))
groupTypesContract("two databases", GroupTypes.layer.pipe(Layer.provide(databases)))
deliveryStoreContract("two databases", DeliveryStore.layer.pipe(Layer.provide(databases)))
eventGroupsContract(
  "two databases",
  EventGroups.layer.pipe(Layer.provideMerge(Layer.effectDiscard(StoredGroups.put)), Layer.provide(databases))
)

const tables = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"

describe("two databases", () => {
  it.live("hold the tables of one set each, and are migrated again without a change", () =>
    Effect.gen(function* () {
      yield* Effect.provide(Start.migrate, Health.layer)
      const names = (sql: Database.ProjectsDatabase["Service"]) =>
        Effect.map(sql.unsafe<{ readonly name: string }>(tables), (rows) => rows.map(({ name }) => name))
      const projects = yield* Database.ProjectsDatabase.use(names)
      const persons = yield* Database.PersonsDatabase.use(names)
      assert.includeMembers(projects, ["posthog_team", "posthog_hogfunction", "tributary_delivery"])
      assert.includeMembers(persons, ["posthog_person", "posthog_group", "tributary_progress", "tributary_outbox"])
      assert.deepStrictEqual(
        projects.filter((name) => persons.includes(name)),
        []
      )
    }).pipe(Effect.provide(databases))
  )

  it.live("are told apart by their settings when one of them is refused", () =>
    Effect.gen(function* () {
      const databaseUrl = yield* TestDatabase.fresh
      const refused = (personsDatabaseUrl: Redacted.Redacted) =>
        Start.migrate.pipe(
          Effect.provide(Layer.merge(Database.layer({ databaseUrl, personsDatabaseUrl, poolSize: 4 }), Health.layer)),
          Effect.flip,
          Effect.map(({ message }) => message)
        )
      const elsewhere = new URL(Redacted.value(databaseUrl))
      elsewhere.pathname = "/nowhere"
      assert.match(yield* refused(Redacted.make(elsewhere.href)), /^PERSONS_DATABASE_URL: .*"nowhere"/)
      elsewhere.search = "?sslmode=maybe"
      assert.match(yield* refused(Redacted.make(elsewhere.href)), /^PERSONS_DATABASE_URL has sslmode=maybe/)
    }).pipe(Effect.scoped)
  )
})
