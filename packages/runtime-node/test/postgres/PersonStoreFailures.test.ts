import { assert, describe, it } from "@effect/vitest"
import { unchanged } from "@tributary/domain/person/Snapshot"
import { PersonStore as Service } from "@tributary/pipeline/service/PersonStore"
import { Effect, Layer } from "effect"
import { aMapping, aPerson, apply, aWork, createAll, names, see } from "../../../pipeline/test/contract/PersonStore.ts"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import * as Migrations from "../../src/postgres/Migrations.ts"
import * as PersonStore from "../../src/postgres/PersonStore.ts"
import * as LossyProxy from "./LossyProxy.ts"
import { onDatabase, rowId, startedWhile, team, uuid } from "./PersonStoreSupport.ts"
import * as TestDatabase from "./TestDatabase.ts"

/** From now on, creations of persons fail: the first `times` of them, with a condition by name, or the end of the session. */
const failEachInsert = (condition: string, times = 1_000) =>
  Effect.gen(function* () {
    const sql = yield* PersonsDatabase
    const act = condition === "terminate" ? "PERFORM pg_terminate_backend(pg_backend_pid())" : `RAISE ${condition}`
    for (const statement of [
      "CREATE SEQUENCE IF NOT EXISTS tries",
      "ALTER SEQUENCE tries RESTART",
      `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF nextval('tries') <= ${times} THEN ${act}; END IF; RETURN NULL; END $$`,
      "CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON posthog_person FOR EACH STATEMENT EXECUTE FUNCTION fail()"
    ]) {
      yield* sql.unsafe(statement).unprepared
    }
  })

const insertsTried = Effect.flatMap(PersonsDatabase, (sql) =>
  Effect.map(sql<{ n: number }>`SELECT last_value::int AS n FROM tries`, ([row]) => row!.n)
)

describe("others in the way", () => {
  it.live("a batch that waited for a merge finds the distinct id where the merge took it", () =>
    Effect.gen(function* () {
      yield* createAll(team, "s", "t")
      const seen: Array<string | undefined> = []
      const batch = see({ names: names(team, "s") }, (snapshot) => {
        seen.push(snapshot.person(team, "s")?.person.uuid)
      })
      yield* batch.pipe(
        startedWhile(
          (sql) => sql`SELECT FROM posthog_person ORDER BY id FOR UPDATE`,
          (sql) =>
            Effect.gen(function* () {
              const [s, t] = [yield* rowId(sql, "s"), yield* rowId(sql, "t")]
              yield* sql`UPDATE posthog_persondistinctid SET person_id = ${t}, version = 1 WHERE person_id = ${s}`
              yield* sql`DELETE FROM posthog_person WHERE id = ${s}`
            })
        )
      )
      // No fold ever saw the distinct id as unknown.
      assert.deepStrictEqual(seen, [uuid("t")])
    }).pipe(Effect.provide(onDatabase))
  )

  it.live("persons are locked by id, whatever the order of the names", () =>
    Effect.gen(function* () {
      yield* createAll(team, "first")
      yield* createAll(team, "second")
      let free: ReadonlyArray<unknown> = []
      yield* see({ names: names(team, "second", "first") }, () => undefined).pipe(
        startedWhile(
          (sql) => sql`SELECT FROM posthog_person WHERE uuid = ${uuid("first")}::uuid FOR UPDATE`,
          (sql) =>
            // While the batch waits for the first, it holds no lock on the second.
            Effect.map(
              sql`SELECT uuid FROM posthog_person WHERE uuid = ${uuid("second")}::uuid FOR UPDATE SKIP LOCKED`,
              (rows) => {
                free = rows
              }
            )
        )
      )
      assert.deepStrictEqual(free, [{ uuid: uuid("second") }])
    }).pipe(Effect.provide(onDatabase))
  )

  it.live("a uuid that is there although its distinct id is unmapped is found, and attached to", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      yield* createAll(team, "a")
      yield* sql`DELETE FROM posthog_persondistinctid`
      const store = yield* Service
      const { result } = yield* store.transact(aWork({ names: names(team, "a", "b") }), (snapshot) => {
        const found = snapshot.person(team, "a")
        return {
          changes:
            found === undefined
              ? { ...unchanged, create: [aPerson(team, "a")], attach: [aMapping(team, "a")] }
              : { ...unchanged, attach: [aMapping(team, "a", "a", 1)] },
          result: found,
          messages: () => []
        }
      })
      assert.deepStrictEqual([result?.person.uuid, result?.mapping], [uuid("a"), undefined])
      const found = yield* see({ names: names(team, "a") }, (s) => s.person(team, "a"))
      assert.deepStrictEqual(found?.mapping, aMapping(team, "a", "a", 1))
    }).pipe(Effect.provide(onDatabase))
  )

  for (const [what, condition, reason] of [
    ["a batch that collides ten times is told so", "unique_violation", "Conflict"],
    [
      "a lock that nobody lets go of is no event's fault: the batch is to wait, not to be divided",
      "lock_not_available",
      "Unavailable"
    ]
  ] as const) {
    it.live(what, () =>
      Effect.gen(function* () {
        yield* failEachInsert(condition)
        const error = yield* Effect.flip(createAll(team, "a"))
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(yield* insertsTried, 10)
      }).pipe(Effect.provide(onDatabase))
    )
  }

  it.live("a deadlock is repeated, like a lock that took too long", () =>
    Effect.gen(function* () {
      yield* failEachInsert("deadlock_detected", 2)
      yield* createAll(team, "a")
      yield* failEachInsert("lock_not_available", 2)
      yield* createAll(team, "b")
      const seen = yield* see({ names: names(team, "a", "b") }, (s) => s.person(team, "b")?.person.uuid)
      assert.strictEqual(seen, uuid("b"))
    }).pipe(Effect.provide(onDatabase))
  )
})

describe("a server that goes away", () => {
  const throughProxy = Effect.gen(function* () {
    const url = yield* TestDatabase.fresh
    const proxy = yield* LossyProxy.make(url)
    yield* Migrations.persons.pipe(Effect.provide(TestDatabase.pools(url)))
    return { proxy, store: PersonStore.layer.pipe(Layer.provideMerge(TestDatabase.pools(proxy.url))) }
  })

  it.live("is told as such, and the same store works once it is back", () =>
    Effect.gen(function* () {
      const { proxy, store: throughIt } = yield* throughProxy
      yield* Effect.gen(function* () {
        const store = yield* Service
        yield* createAll(team, "a")
        yield* proxy.close
        assert.strictEqual((yield* Effect.flip(createAll(team, "b"))).reason, "Unavailable")
        assert.strictEqual((yield* Effect.flip(store.published([1n]))).reason, "Unavailable")
        assert.strictEqual((yield* Effect.flip(store.sweep(0, () => Effect.succeed([])))).reason, "Unavailable")
        yield* proxy.open
        yield* createAll(team, "b")
      }).pipe(Effect.provide(throughIt))
    })
  )

  it.live("with the answer to a COMMIT: run again, the batch finds itself applied", () =>
    Effect.gen(function* () {
      const { proxy, store: throughIt } = yield* throughProxy
      const first = { topic: "t", partition: 0, offset: 0n }
      const work = { names: names(team, "a"), progress: [first] }
      yield* Effect.gen(function* () {
        yield* proxy.loseAnswerTo("COMMIT")
        const batch = apply(work, { create: [aPerson(team, "a")], attach: [aMapping(team, "a")] }, () => [
          { topic: "clickhouse_person", key: null, value: "a" }
        ])
        assert.strictEqual((yield* Effect.flip(batch)).reason, "Unavailable")
        yield* proxy.loseAnswerTo("never sent")
        const seen = yield* see(work, (s) => [s.applied(first), s.person(team, "a")?.person.uuid])
        assert.deepStrictEqual(seen, [true, uuid("a")])
        const store = yield* Service
        assert.strictEqual(yield* store.sweep(0, () => Effect.succeed([])), 1)
      }).pipe(Effect.provide(throughIt))
    })
  )

  it.live("in the middle of a transaction is no defect", () =>
    Effect.gen(function* () {
      yield* failEachInsert("terminate", 1)
      assert.strictEqual((yield* Effect.flip(createAll(team, "a"))).reason, "Unavailable")
      yield* createAll(team, "a")
    }).pipe(Effect.provide(onDatabase))
  )
})
