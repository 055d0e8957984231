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
})
