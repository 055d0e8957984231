/** The schema with real rows in it: what its views and keys make of them (spec worker 5, cases G). */
import { assert, layer } from "@effect/vitest"
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import * as Splice from "@tributary/pipeline/sink/Splice"
import { Effect } from "effect"
import { record, targetOf } from "../../../pipeline/test/sink/support.ts"
import { Engine } from "../../src/clickhouse/Engine.ts"
import { engine, rows } from "./support.ts"

const seconds = Math.floor(Date.now() / 1000)
let tokens = 0
let offsets = 0

/** Inserts messages as the sink would, each with an offset of its own. */
const insert = (table: string, ...values: ReadonlyArray<object>) => {
  const target = targetOf(table)
  const messages = values.map((value) =>
    record(target.topic, 0, ++offsets, JSON.stringify(value), { timestamp: seconds * 1000 })
  )
  return ClickHouseSink.use((sink) =>
    sink.insert({ table, rows: Splice.rows(target, messages, 0), count: values.length, token: `${++tokens}` })
  )
}

const merge = (table: string) => Engine.use(({ write }) => write(`OPTIMIZE TABLE tributary.${table} FINAL`))

const alice = "018f0000-0000-7000-8000-00000000000a"
const anon = "018f0000-0000-7000-8000-00000000000b"
const person = { created_at: "2026-01-01 12:00:00", properties: "{}", is_identified: 0, is_deleted: 0 }

layer(engine, { excludeTestServices: true })("the tables and views", (it) => {
  it.effect("a mapping of version 0 is no override (G09)", () =>
    Effect.gen(function* () {
      yield* insert(
        "person_distinct_id2",
        { team_id: 9, distinct_id: "stays", person_id: alice, is_deleted: 0, version: 0 },
        { team_id: 9, distinct_id: "moves", person_id: alice, is_deleted: 0, version: 1 }
      )
      const found = yield* rows("SELECT distinct_id FROM tributary.person_distinct_id_overrides WHERE team_id = 9")
      assert.deepStrictEqual(found, [{ distinct_id: "moves" }])
    })
  )

  it.effect("a person whose newest row is a tombstone is not shown (G10)", () =>
    Effect.gen(function* () {
      for (const version of [0, 1]) yield* insert("person", { ...person, id: alice, team_id: 10, version })
      assert.strictEqual(
        (yield* rows("SELECT version FROM tributary.current_person WHERE team_id = 10"))[0]?.["version"],
        "1"
      )
      yield* insert("person", { ...person, id: alice, team_id: 10, version: 101, is_deleted: 1 })
      assert.deepStrictEqual(yield* rows("SELECT * FROM tributary.current_person WHERE team_id = 10"), [])
    })
  )

  it.effect("the highest version of a mapping wins, in whatever order they arrive (G11)", () =>
    Effect.gen(function* () {
      const mapping = { team_id: 11, distinct_id: "d", is_deleted: 0 }
      yield* insert("person_distinct_id2", { ...mapping, person_id: alice, version: 1 })
      yield* insert("person_distinct_id2", { ...mapping, person_id: anon, version: 0 })
      const found = yield* rows("SELECT person_id, version FROM tributary.current_distinct_id WHERE team_id = 11")
      assert.deepStrictEqual(found, [{ person_id: alice, version: "1" }])
    })
  )

  it.effect("an event that comes twice is one, one of another distinct id is another (G12, G13)", () =>
    Effect.gen(function* () {
      const event = { team_id: 12, uuid: alice, event: "e", timestamp: "2026-05-01 10:00:00.100", person_mode: "full" }
      yield* insert("events", { ...event, distinct_id: "a", properties: "first" })
      yield* insert("events", { ...event, distinct_id: "a", properties: "second" })
      yield* insert("events", { ...event, distinct_id: "b" })
      const seen = rows("SELECT distinct_id FROM tributary.events_deduplicated WHERE team_id = 12 ORDER BY distinct_id")
      assert.deepStrictEqual(yield* seen, [{ distinct_id: "a" }, { distinct_id: "b" }])
      yield* merge("events")
      assert.strictEqual((yield* rows("SELECT count() AS n FROM tributary.events WHERE team_id = 12"))[0]?.["n"], "2")
    })
  )

  it.effect("unknown fields of a message are ignored (G16)", () =>
    Effect.gen(function* () {
      yield* insert("events", { team_id: 16, event: "e", project_id: 1, captured_at: null, nested: { a: [1] } })
      assert.deepStrictEqual(yield* rows("SELECT event FROM tributary.events WHERE team_id = 16"), [{ event: "e" }])
    })
  )

  it.effect("a personless event keeps its empty person (G17)", () =>
    Effect.gen(function* () {
      yield* insert("events", {
        ...{ team_id: 17, event: "e", person_properties: "{}", person_created_at: "1970-01-01 00:00:05" },
        ...{ person_mode: "propertyless", person_id: anon }
      })
      const found = yield* rows(
        "SELECT person_properties, toString(person_created_at) AS at, person_mode FROM tributary.events WHERE team_id = 17"
      )
      assert.deepStrictEqual(found, [
        { person_properties: "{}", at: "1970-01-01 00:00:05.000", person_mode: "propertyless" }
      ])
    })
  )

  it.effect("a merge leaves one living person to whom both distinct ids lead (G18)", () =>
    Effect.gen(function* () {
      const mapping = { team_id: 18, is_deleted: 0 }
      yield* insert(
        "person",
        { ...person, id: alice, team_id: 18, version: 0 },
        { ...person, id: anon, team_id: 18, version: 0 }
      )
      yield* insert(
        "person_distinct_id2",
        { ...mapping, distinct_id: "alice", person_id: alice, version: 0 },
        { ...mapping, distinct_id: "anon-1", person_id: anon, version: 0 }
      )
      yield* insert(
        "person",
        { ...person, id: alice, team_id: 18, version: 1, is_identified: 1, properties: '{"x":1}' },
        { ...person, id: anon, team_id: 18, version: 100, is_deleted: 1 }
      )
      yield* insert("person_distinct_id2", { ...mapping, distinct_id: "anon-1", person_id: alice, version: 1 })
      const people = yield* rows(
        "SELECT id, properties, is_identified, version FROM tributary.current_person WHERE team_id = 18"
      )
      assert.deepStrictEqual(people, [{ id: alice, properties: '{"x":1}', is_identified: 1, version: "1" }])
      const names = yield* rows(
        "SELECT distinct_id, person_id FROM tributary.current_distinct_id WHERE team_id = 18 ORDER BY 1"
      )
      assert.deepStrictEqual(names, [
        { distinct_id: "alice", person_id: alice },
        { distinct_id: "anon-1", person_id: alice }
      ])
    })
  )

  it.effect("the highest version of a group wins, within one second too", () =>
    Effect.gen(function* () {
      const group = { team_id: 19, group_type_index: 0, group_key: "acme", created_at: "2026-01-01 12:00:00" }
      yield* insert("groups", { ...group, group_properties: "new", version: 2 })
      yield* insert("groups", { ...group, group_properties: "old", version: 1 })
      const found = yield* rows("SELECT group_properties, version FROM tributary.current_group WHERE team_id = 19")
      assert.deepStrictEqual(found, [{ group_properties: "new", version: "2" }])
    })
  )

  it.effect("warnings and heatmap points of one message collapse, those of two do not", () =>
    Effect.gen(function* () {
      const target = targetOf("ingestion_warnings")
      const timestamp = new Date(seconds * 1000).toISOString().slice(0, 23).replace("T", " ")
      const value = JSON.stringify({ team_id: 20, type: "t", source: "s", details: '{"category":"merge"}', timestamp })
      const at = (offset: number) => Splice.rows(target, [record(target.topic, 0, offset, value)], 0)
      for (const [offset, token] of [
        [1, "w1"],
        [1, "w2"],
        [2, "w3"]
      ] as const) {
        // the first one twice
        yield* ClickHouseSink.use((sink) => sink.insert({ table: target.table, rows: at(offset), count: 1, token }))
      }
      const found = yield* rows(
        "SELECT toString(_offset) AS offset, category FROM tributary.ingestion_warnings FINAL WHERE team_id = 20 ORDER BY 1"
      )
      assert.deepStrictEqual(found, [
        { offset: "1", category: "merge" },
        { offset: "2", category: "merge" }
      ])
    })
  )

  it.effect("an event is found by its day at the edges of the years that are taken", () =>
    Effect.gen(function* () {
      const times = [
        "1970-01-01 00:00:00.000",
        "1999-12-31 23:59:59.999",
        "2024-02-29 12:00:00.000",
        "2148-12-31 23:59:59.999"
      ]
      yield* insert("events", ...times.map((timestamp, i) => ({ team_id: 21, event: `e${i}`, uuid: alice, timestamp })))
      for (const [i, time] of times.entries()) {
        const found = yield* rows(
          `SELECT event, toString(toDateTime64(timestamp, 3, 'UTC')) AS at FROM tributary.events_deduplicated
           WHERE team_id = 21 AND timestamp >= toDateTime64({from:String}, 3, 'UTC') AND timestamp <= toDateTime64({to:String}, 3, 'UTC')`,
          { from: time, to: time }
        )
        assert.deepStrictEqual(found, [{ event: `e${i}`, at: time }])
      }
    })
  )

  it.effect("a dead letter keeps every byte of key, value and headers, and a header that occurs twice", () =>
    Effect.gen(function* () {
      const target = targetOf("dead_letters")
      const bytes = Uint8Array.from(Array.from({ length: 256 }, (_, i) => i))
      const headers = [
        ['odd\u0000"\\', bytes],
        ["twice", "first"],
        ["twice", "last"],
        ["none", null]
      ] as const
      const letter = record(target.topic, 1, 77, bytes, { key: bytes, headers, timestamp: seconds * 1000 })
      yield* ClickHouseSink.use((sink) =>
        sink.insert({ table: target.table, rows: Splice.rows(target, [letter], 0), count: 1, token: "letter" })
      )
      const found = yield* rows(
        `SELECT hex(value) AS value, hex(key) AS key, hex(headers[{name:String}]) AS header, mapKeys(headers) AS names,
           headers['twice'] AS twice, toString(offset) AS at FROM tributary.dead_letters WHERE offset = 77`,
        { name: 'odd\u0000"\\' }
      )
      const hex = Buffer.from(bytes).toString("hex").toUpperCase()
      assert.deepStrictEqual(found, [
        {
          ...{ value: hex, key: hex, header: hex, names: ['odd\u0000"\\', "twice", "twice", "none"] },
          ...{ twice: "first", at: "77" }
        }
      ])
    })
  )
})
