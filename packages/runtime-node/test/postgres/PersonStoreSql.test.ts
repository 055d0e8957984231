/** What the person store leaves in PostgreSQL's tables, and what it makes of PostgreSQL's failures. */
import type { PgClient } from "@effect/sql-pg/PgClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { cleanJson } from "@tributary/domain/event/Text"
import * as Uuid from "@tributary/domain/event/Uuid"
import * as SizeLimit from "@tributary/domain/person/SizeLimit"
import { unchanged } from "@tributary/domain/person/Snapshot"
import { PersonStore as Service } from "@tributary/pipeline/service/PersonStore"
import { Deferred, Effect, Fiber, Layer, Schema } from "effect"
import { aMapping, aPerson, apply, aWork, createAll, names, see } from "../../../pipeline/test/contract/PersonStore.ts"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import { deletePersons } from "../../src/postgres/DeletePersons.ts"
import * as Migrations from "../../src/postgres/Migrations.ts"
import * as PersonStore from "../../src/postgres/PersonStore.ts"
import * as LossyProxy from "./LossyProxy.ts"
import * as TestDatabase from "./TestDatabase.ts"

const onDatabase = PersonStore.layer.pipe(Layer.provideMerge(TestDatabase.layer))

const team = 1
const uuid = (distinctId: string) => Uuid.personUuid(team, distinctId)
const rowId = (sql: PgClient, distinctId: string) =>
  Effect.map(
    sql<{ id: bigint }>`SELECT id FROM posthog_person WHERE team_id = ${team} AND uuid = ${uuid(distinctId)}::uuid`,
    (rows) => rows[0]!.id
  )
const merge = (source: string, target: string, moves = 1) => ({
  team,
  source: uuid(source),
  target: uuid(target),
  moves
})

/** Runs the batch so that it waits for a lock of `before`'s transaction, which then goes on with `after` and commits. */
const startedWhile =
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

describe("rows that hang on a person", () => {
  it.live("a merge moves flag overrides, but the target's stay, and all cohort rows (D53, D54)", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      yield* createAll(team, "s", "t")
      const [s, t] = [yield* rowId(sql, "s"), yield* rowId(sql, "t")]
      yield* sql`INSERT INTO posthog_featureflaghashkeyoverride (team_id, person_id, feature_flag_key, hash_key)
        VALUES (1, ${s}, 'f1', 's'), (1, ${s}, 'f2', 's'), (1, ${t}, 'f1', 't')`
      yield* sql`INSERT INTO posthog_cohortpeople (cohort_id, person_id) VALUES (1, ${s}), (2, ${s}), (2, ${t})`
      yield* apply({ names: names(team, "s", "t") }, { merge: [merge("s", "t")] })
      assert.deepStrictEqual(
        yield* sql`SELECT person_id, feature_flag_key AS k, hash_key AS h FROM posthog_featureflaghashkeyoverride ORDER BY 2`,
        [
          { person_id: t, k: "f1", h: "t" },
          { person_id: t, k: "f2", h: "s" }
        ]
      )
      assert.deepStrictEqual(
        yield* sql`SELECT cohort_id AS c, person_id FROM posthog_cohortpeople ORDER BY 1, 2`,
        [1, 2, 2].map((c) => ({ c, person_id: t }))
      )
      assert.deepStrictEqual(yield* sql`SELECT uuid FROM posthog_person`, [{ uuid: uuid("t") }])
    }).pipe(Effect.provide(onDatabase))
  )

  it.live("of several sources, the overrides of the one that joined first win", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      yield* createAll(team, "a", "b", "c")
      for (const id of ["a", "b"]) {
        yield* sql`INSERT INTO posthog_featureflaghashkeyoverride (team_id, person_id, feature_flag_key, hash_key)
          VALUES (1, ${yield* rowId(sql, id)}, 'flag', ${id})`
      }
      // a into b, then b into c: b's override stayed when a came.
      yield* apply({ names: names(team, "a", "b", "c") }, { merge: [merge("a", "c", 2), merge("b", "c")] })
      assert.deepStrictEqual(yield* sql`SELECT hash_key AS h FROM posthog_featureflaghashkeyoverride`, [{ h: "b" }])
    }).pipe(Effect.provide(onDatabase))
  )

  it.live("the columns of bookkeeping are written at creation and never again", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      const bookkeeping = {
        lastUpdatedAt: { plan: "2026-01-01T00:00:00.000Z" },
        lastOperation: { plan: "set" as const }
      }
      yield* apply(
        { names: names(team, "a") },
        { create: [aPerson(team, "a", { plan: "free" }, bookkeeping)], attach: [aMapping(team, "a")] }
      )
      yield* apply({ names: names(team, "a") }, { update: [aPerson(team, "a", { plan: "pro" }, { version: 1 })] })
      assert.deepStrictEqual(
        yield* sql`SELECT properties_last_updated_at AS u, properties_last_operation AS o, is_user_id AS i FROM posthog_person`,
        [{ u: bookkeeping.lastUpdatedAt, o: bookkeeping.lastOperation, i: null }]
      )
    }).pipe(Effect.provide(onDatabase))
  )
})

describe("deletions", () => {
  const floors = (...ids: ReadonlyArray<string>) =>
    see({ names: names(team, ...ids) }, (s) => ids.map((id) => [s.person(team, id), s.floor(team, id)]))

  it.live("leave nothing but a floor per distinct id, above the person's version and the mapping's", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      yield* apply(
        { names: names(team, "a", "a2", "b") },
        {
          create: [aPerson(team, "a", {}, { version: 7 }), aPerson(team, "b")],
          attach: [aMapping(team, "a"), aMapping(team, "a2", "a", 9), aMapping(team, "b")]
        }
      )
      const a = yield* rowId(sql, "a")
      yield* sql`INSERT INTO posthog_featureflaghashkeyoverride (team_id, person_id, feature_flag_key, hash_key) VALUES (1, ${a}, 'f', 'h')`
      yield* sql`INSERT INTO posthog_cohortpeople (cohort_id, person_id) VALUES (1, ${a})`
      const { outbox, persons } = yield* deletePersons(team, [uuid("a"), uuid("nobody")])
      assert.strictEqual(persons, 1)
      assert.deepStrictEqual(yield* floors("a", "a2"), [
        [undefined, 108],
        [undefined, 110]
      ])
      assert.strictEqual((yield* see({ names: names(team, "b") }, (s) => s.person(team, "b")))?.person.uuid, uuid("b"))
      const tombstones = outbox.map((row) => JSON.parse(row.value)).map((row) => [row.version, row.is_deleted])
      assert.deepStrictEqual(tombstones.toSorted(), [
        [100, 1],
        [107, 1],
        [109, 1]
      ])
    }).pipe(Effect.provide(onDatabase))
  )

  it.live("never lower a floor", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      yield* createAll(team, "a")
      yield* sql`INSERT INTO tributary_deleted VALUES (1, 'a', 5000)`
      yield* deletePersons(team, [uuid("a")])
      assert.deepStrictEqual(yield* floors("a"), [[undefined, 5000]])
    }).pipe(Effect.provide(onDatabase))
  )

  it.live("a name that was created and deleted by others meanwhile starts at its new floor", () =>
    Effect.gen(function* () {
      const floors: Array<number> = []
      const batch = Effect.flatMap(Service, (store) =>
        store.transact(aWork({ names: names(team, "a") }), (snapshot) => {
          const floor = snapshot.floor(team, "a")
          floors.push(floor)
          const create = [aPerson(team, "a", {}, { version: floor })]
          return {
            changes: { ...unchanged, create, attach: [aMapping(team, "a", "a", floor)] },
            result: undefined,
            messages: () => []
          }
        })
      )
      // The insert waits at the unique key for a life that others begin and end meanwhile.
      yield* batch.pipe(
        startedWhile(
          (sql) => sql`INSERT INTO posthog_person (team_id, uuid, created_at) VALUES (1, ${uuid("a")}::uuid, now())`,
          (sql) =>
            Effect.andThen(
              sql`DELETE FROM posthog_person WHERE uuid = ${uuid("a")}::uuid`,
              sql`INSERT INTO tributary_deleted VALUES (1, 'a', 101)`
            )
        )
      )
      assert.deepStrictEqual(floors, [0, 101])
      const found = yield* see({ names: names(team, "a") }, (s) => s.person(team, "a"))
      assert.deepStrictEqual([found?.person.version, found?.mapping?.version], [101, 101])
    }).pipe(Effect.provide(onDatabase))
  )
})

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

  it.live("a batch that collides ten times is told so", () =>
    Effect.gen(function* () {
      yield* failEachInsert("unique_violation")
      const error = yield* Effect.flip(createAll(team, "a"))
      assert.strictEqual(error.reason, "Conflict")
      assert.strictEqual(yield* insertsTried, 10)
    }).pipe(Effect.provide(onDatabase))
  )

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

describe("what PostgreSQL refuses", () => {
  it.live("properties over the limit are refused as a whole, with all of their batch", () =>
    Effect.gen(function* () {
      const large = aPerson(team, "a", { text: "x".repeat(655_360) })
      const error = yield* Effect.flip(
        apply(
          { names: names(team, "a", "b"), progress: [{ topic: "t", partition: 0, offset: 0n }] },
          { create: [aPerson(team, "b"), large], attach: [aMapping(team, "a"), aMapping(team, "b")] }
        )
      )
      assert.strictEqual(error.reason, "Refused")
      const seen = yield* see({ names: names(team, "b") }, (s) => [
        s.person(team, "b"),
        s.applied({ topic: "t", partition: 0, offset: 0n })
      ])
      assert.deepStrictEqual(seen, [undefined, false])
    }).pipe(Effect.provide(onDatabase))
  )

  it.live("texts that it cannot hold are refused", () =>
    Effect.gen(function* () {
      for (const json of ['{"a":"\\u0000"}', '{"a":"\\ud800"}']) {
        const person = { ...aPerson(team, "a"), json }
        const error = yield* Effect.flip(apply({ names: names(team, "a") }, { create: [person] }))
        assert.strictEqual(error.reason, "Refused")
      }
      const long = "x".repeat(401)
      assert.strictEqual((yield* Effect.flip(createAll(team, long))).reason, "Refused")
    }).pipe(Effect.provide(onDatabase))
  )
})

layer(TestDatabase.layer, { excludeTestServices: true })("the size of properties", (it) => {
  it.effect.prop(
    "as the fold computes it is what the limit is held against",
    { drawn: Schema.Record(Schema.String, Schema.Json) },
    ({ drawn }) =>
      Effect.gen(function* () {
        const sql = yield* PersonsDatabase
        const properties = cleanJson(drawn)
        const text = JSON.stringify(properties)
        const [row] = yield* sql<{ bytes: number }>`SELECT pg_column_size(${text}::jsonb) AS bytes`
        assert.strictEqual(SizeLimit.storedBytes(JSON.parse(text)), row?.bytes)
      }),
    { arbitrary: { runs: 500 } }
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
