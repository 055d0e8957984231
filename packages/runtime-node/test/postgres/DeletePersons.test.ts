import { assert, describe, it } from "@effect/vitest"
import { unchanged } from "@tributary/domain/person/Snapshot"
import { PersonStore as Service } from "@tributary/pipeline/service/PersonStore"
import { Effect } from "effect"
import { aMapping, aPerson, apply, aWork, createAll, names, see } from "../../../pipeline/test/contract/PersonStore.ts"
import { PersonsDatabase } from "../../src/postgres/Database.ts"
import { deletePersons } from "../../src/postgres/DeletePersons.ts"
import { onDatabase, rowId, startedWhile, team, uuid } from "./PersonStoreSupport.ts"

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
