import { assert, describe, it } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import * as Start from "../../src/postgres/Start.ts"
import * as LossyProxy from "./LossyProxy.ts"
import * as TestDatabase from "./TestDatabase.ts"

const changed = (url: Redacted.Redacted, change: (url: URL) => void) => {
  const parsed = new URL(Redacted.value(url))
  change(parsed)
  return Redacted.make(parsed.href)
}

const start = (url: Redacted.Redacted) =>
  Start.migrate.pipe(Effect.provide(Layer.merge(TestDatabase.pools(url), Health.layer)))

/** Without tables: for a program that does not make them. */
const look = (url: Redacted.Redacted) => Start.lookedAt.pipe(Effect.provide(TestDatabase.pools(url)))

/** Asks for readiness until it is as it should be. */
const until = (holds: (reasons: ReadonlyArray<string>) => boolean) =>
  Health.use(({ troubles }) => troubles).pipe(
    Effect.map((troubles) => troubles.map(({ engine, reason }) => `${engine}: ${reason}`)),
    Effect.delay("10 millis"),
    Effect.repeat({ until: holds })
  )

const line = (url: Redacted.Redacted) => Effect.map(Effect.flip(start(url)), ({ message }) => message)

describe("PostgreSQL at the start", () => {
  it.live("has all tables afterwards, again and again", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      yield* start(url)
      yield* start(url)
    }).pipe(Effect.scoped)
  )

  it.live("is waited for while it is away", () =>
    Effect.gen(function* () {
      const proxy = yield* LossyProxy.make(yield* TestDatabase.fresh)
      yield* proxy.close
      const away = yield* Deferred.make<string>()
      const health = Health.of({
        down: (engine, reason) => Effect.asVoid(Deferred.succeed(away, `${engine}: ${reason}`)),
        up: () => Effect.void,
        gaveUp: () => Effect.void,
        starting: Effect.void,
        started: Effect.void,
        stopping: Effect.void,
        troubles: Effect.succeed([]),
        beat: () => Effect.void,
        stalled: Effect.succeed([])
      })
      const starting = yield* Effect.forkChild(
        Start.migrate.pipe(Effect.provide(TestDatabase.pools(proxy.url)), Effect.provideService(Health, health))
      )
      assert.include(yield* Deferred.await(away), "PostgreSQL")
      yield* proxy.open
      yield* Fiber.join(starting)
    }).pipe(Effect.scoped)
  )

  it.live("ends the start with one line where waiting does not help, and shows no password", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      const wrong = yield* line(changed(url, (parsed) => void (parsed.password = "hidden")))
      assert.include(wrong, "DATABASE_URL: PostgreSQL does not let this user in")
      assert.notInclude(wrong, "hidden")
      assert.match(
        yield* line(changed(url, (parsed) => void (parsed.pathname = "/nowhere"))),
        /DATABASE_URL: .*"nowhere"/
      )
      yield* start(url)
      yield* Effect.gen(function* () {
        const sql = yield* PersonsDatabase
        yield* sql`UPDATE tributary_persons_migrations SET migration_id = 999 WHERE migration_id = 1`
      }).pipe(Effect.provide(TestDatabase.pools(url)))
      assert.include(yield* line(url), "start a newer one")
    }).pipe(Effect.scoped)
  )

  it.live("whoever makes no tables waits for them, not ready, and starts when they are there", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      const looking = yield* Effect.forkChild(look(url))
      const reasons = yield* until((found) => found.length > 0)
      assert.deepStrictEqual(reasons, ["PostgreSQL: the tables of projects are not there yet: a worker makes them"])
      yield* start(url)
      yield* Fiber.join(looking)
      assert.deepStrictEqual(yield* until(() => true), [])
      const turn = PersonsDatabase.use(
        (sql) => sql`UPDATE tributary_projects_migrations SET migration_id = -migration_id`
      )
      yield* Effect.provide(turn, TestDatabase.pools(url))
      const again = yield* Effect.forkChild(look(url))
      const [older] = yield* until((found) => found.length > 0)
      assert.match(older ?? "", /are at version -\d+, this program needs \d+: a worker of its version makes them$/)
      yield* Effect.provide(turn, TestDatabase.pools(url))
      yield* Fiber.join(again)
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )

  it.live("a server that is away holds up nobody who can do without, and is looked at when it is back", () =>
    Effect.gen(function* () {
      const proxy = yield* LossyProxy.make(yield* TestDatabase.fresh)
      yield* proxy.close
      yield* Effect.gen(function* () {
        yield* Start.lookedAt
        assert.deepStrictEqual(yield* until(() => true), [])
        yield* proxy.open
        assert.include((yield* until((found) => found.length > 0)).join(), "not there yet")
        yield* Start.migrate
        yield* until((found) => found.length === 0)
      }).pipe(Effect.provide(TestDatabase.pools(proxy.url)))
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )

  it.live("whoever makes no tables ends with one line, too, where they are newer, or it may not look", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.fresh
      yield* start(url)
      yield* look(url)
      yield* Effect.provide(
        PersonsDatabase.use(
          (sql) => sql`INSERT INTO tributary_projects_migrations (migration_id, name) VALUES (999, 'x')`
        ),
        TestDatabase.pools(url)
      )
      const { message } = yield* Effect.flip(look(url))
      assert.match(
        message,
        /^DATABASE_URL: the tables of projects are at version 999, this program knows \d+: start a newer one$/
      )
      const wrong = yield* Effect.flip(look(changed(url, (parsed) => void (parsed.password = "hidden"))))
      assert.match(wrong.message, /^DATABASE_URL: PostgreSQL does not let this user in/)
      assert.notInclude(wrong.message, "hidden")
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )
})
