import { assert, describe, it, layer } from "@effect/vitest"
import { cleanJson } from "@tributary/domain/event/Text"
import * as SizeLimit from "@tributary/domain/person/SizeLimit"
import { Effect, Schema } from "effect"
import { aMapping, aPerson, apply, createAll, names, see } from "../../../pipeline/test/contract/PersonStore.ts"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import { merge, onDatabase, rowId, team, uuid } from "./PersonStoreSupport.ts"
import * as TestDatabase from "./TestDatabase.ts"

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

/** Notes, per statement, what is done to which table. */
const noteStatements = Effect.gen(function* () {
  const sql = yield* PersonsDatabase
  const tables = ["posthog_person", "posthog_persondistinctid", "posthog_group", "tributary_progress"]
  for (const statement of [
    "CREATE TABLE noted (id serial, what text)",
    `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO noted (what) VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$`,
    ...tables.map(
      (table) =>
        `CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION note()`
    )
  ]) {
    yield* sql.unsafe(statement).unprepared
  }
})

describe("the order of statements", () => {
  it.live("the fence comes first, and all inserts before the first change of a row that exists", () =>
    Effect.gen(function* () {
      const sql = yield* PersonsDatabase
      const group = (key: string, isNew: boolean) => {
        const group = { team, index: 0, key, createdAt: 0, version: isNew ? 1 : 2, properties: {}, json: "{}" }
        return { ...group, isNew }
      }
      const groups = ["old", "new"].map((key) => ({ team, index: 0, key }))
      yield* createAll(team, "s", "t", "u")
      yield* apply({ groups }, { groups: [group("old", true)] })
      yield* noteStatements
      yield* apply(
        { names: names(team, "s", "t", "u", "v"), groups, progress: [{ topic: "t", partition: 0, offset: 0n }] },
        {
          create: [aPerson(team, "v")],
          attach: [aMapping(team, "v")],
          update: [aPerson(team, "u", {}, { version: 1 })],
          merge: [merge("s", "t")],
          groups: [group("old", false), group("new", true)]
        }
      )
      const notes = yield* sql<{ what: string }>`SELECT what FROM noted ORDER BY id`
      assert.deepStrictEqual(
        notes.map((row) => row.what),
        [
          // INSERT … ON CONFLICT DO UPDATE counts as both.
          "UPDATE tributary_progress",
          "INSERT tributary_progress",
          "INSERT posthog_person",
          "INSERT posthog_persondistinctid",
          "INSERT posthog_group",
          "UPDATE posthog_persondistinctid",
          "UPDATE posthog_person",
          "UPDATE posthog_group",
          "DELETE posthog_person",
          "UPDATE tributary_progress"
        ]
      )
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
