/** What the tests of the person store on PostgreSQL have in common. */
import type { PgClient } from "@effect/sql-pg/PgClient"
import * as Uuid from "@tributary/domain/event/Uuid"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import * as PersonStore from "../../src/postgres/PersonStore.ts"
import * as TestDatabase from "./TestDatabase.ts"

export const onDatabase = PersonStore.layer.pipe(Layer.provideMerge(TestDatabase.layer))

export const team = 1
export const uuid = (distinctId: string) => Uuid.personUuid(team, distinctId)
export const rowId = (sql: PgClient, distinctId: string) =>
  Effect.map(
    sql<{ id: bigint }>`SELECT id FROM posthog_person WHERE team_id = ${team} AND uuid = ${uuid(distinctId)}::uuid`,
    (rows) => rows[0]!.id
  )
export const merge = (source: string, target: string, moves = 1) => ({
  team,
  source: uuid(source),
  target: uuid(target),
  moves
})

/** Runs the batch so that it waits for a lock of `before`'s transaction, which then goes on with `after` and commits. */
export const startedWhile =
  <E1, E2>(
    before: (sql: PgClient) => Effect.Effect<unknown, E1>,
    after: (sql: PgClient) => Effect.Effect<unknown, E2>
  ) =>
  <A, E, R>(batch: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      const isHeld = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const steps = Effect.gen(function* () {
        yield* before(sql)
        yield* Deferred.succeed(isHeld, undefined)
        yield* Deferred.await(goOn)
        yield* after(sql)
      })
      const other = yield* Effect.forkChild(sql.withTransaction(steps))
      yield* Effect.raceFirst(
        Deferred.await(isHeld),
        Effect.flatMap(Fiber.join(other), () => Effect.die("too early"))
      )
      const running = yield* Effect.forkChild(batch)
      yield* sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'`.pipe(
        Effect.repeat({ until: ([row]) => row?.n === 1 })
      )
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(other)
      return yield* Fiber.join(running)
    })
