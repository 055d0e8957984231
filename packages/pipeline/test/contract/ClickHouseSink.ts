/** What every layer of `ClickHouseSink` promises. `Tables` looks into the tables from outside. */
import { assert, layer } from "@effect/vitest"
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { Context, Effect, type Layer } from "effect"

export class Tables extends Context.Service<
  Tables,
  { readonly column: (table: string, column: string) => Effect.Effect<ReadonlyArray<string>> }
>()("@tributary/test/Tables") {}

const encode = (...rows: ReadonlyArray<unknown>) =>
  new TextEncoder().encode(rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row)) + "\n").join(""))

let tokens = 0
const insert = (table: string, rows: ReadonlyArray<unknown>, token = `contract ${++tokens}`) =>
  ClickHouseSink.use((sink) => sink.insert({ table, rows: encode(...rows), count: rows.length, token }))

const column = (table: string, name: string) =>
  Effect.map(
    Tables.use((tables) => tables.column(table, name)),
    (values) => values.toSorted()
  )

// Rows with a time to live must be of today, else ClickHouse drops them at once.
const timestamp = new Date().toISOString().slice(0, 23).replace("T", " ")
const uuid = "018f0000-0000-7000-8000-00000000000a"

export const clickHouseSinkContract = <E>(name: string, implementation: Layer.Layer<ClickHouseSink | Tables, E>) =>
  layer(implementation, { excludeTestServices: true })(`ClickHouseSink: ${name}`, (it) => {
    it.effect("an insert that succeeded can be read", () =>
      Effect.gen(function* () {
        yield* insert("groups", [
          { team_id: 1, group_type_index: 0, group_key: "acme", group_properties: "{}", version: 1 },
          { team_id: 1, group_type_index: 0, group_key: "umbrella", group_properties: "{}", version: 1 }
        ])
        assert.deepStrictEqual(yield* column("groups", "group_key"), ["acme", "umbrella"])
      })
    )

    it.effect("two inserts of one token count once, of two tokens twice, even if they hold the same", () =>
      Effect.gen(function* () {
        const row = { team_id: 1, timestamp, app_source: "a", metric_kind: "k", metric_name: "n" }
        yield* insert("app_metrics2", [{ ...row, count: 1 }], "once")
        yield* insert("app_metrics2", [{ ...row, count: 10 }], "once")
        yield* insert("app_metrics2", [{ ...row, count: 100 }], "first")
        yield* insert("app_metrics2", [{ ...row, count: 100 }], "second")
        const counts = yield* column("app_metrics2", "count") // rows of one key may have been added up already
        assert.strictEqual(
          counts.reduce((sum, count) => sum + Number(count), 0),
          201
        )
      })
    )

    it.effect("a token counts per table", () =>
      Effect.gen(function* () {
        yield* insert("person", [{ id: uuid, team_id: 1, version: 0 }], "shared")
        yield* insert("kafka_errors", [{ topic: "t", partition: 0, offset: 1, raw: "x" }], "shared")
        assert.deepStrictEqual(yield* column("person", "id"), [uuid])
        assert.deepStrictEqual(yield* column("kafka_errors", "raw"), ["x"])
      })
    )

    it.effect("a refused row refuses the whole insert, whose token stays free", () =>
      Effect.gen(function* () {
        const good = { session_id: "good", team_id: 1, timestamp }
        const error = yield* Effect.flip(insert("heatmaps", [good, { ...good, x: 1.5 }], "refused"))
        assert.strictEqual(error.reason, "RowRefused")
        assert.deepStrictEqual(yield* column("heatmaps", "session_id"), [])
        yield* insert("heatmaps", [good], "refused")
        assert.deepStrictEqual(yield* column("heatmaps", "session_id"), ["good"])
      })
    )

    const refusedRows: Readonly<Record<string, unknown>> = {
      "a uuid that is none": { uuid: "abc" },
      "an empty uuid": { uuid: "" },
      "an unknown person mode": { person_mode: "half" },
      "a text for a boolean": { historical_migration: "true" },
      "a fraction for a whole number": { team_id: 1.5 },
      "words for a whole number": { team_id: "seven" },
      "the 30th of February": { timestamp: "2024-02-30 10:00:00.000" },
      "an empty time": { timestamp: "" },
      "a year of five digits": { timestamp: "12024-02-03 10:00:00.000" },
      "half of a surrogate pair": '{"event":"\\ud83d"}',
      "a row that ends too early": '{"event":"a"',
      "a row with something after it": '{"event":"a"} b'
    }
    for (const [what, row] of Object.entries(refusedRows)) {
      it.effect(`${what} is refused`, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(insert("events", [row]))
          assert.strictEqual(error.reason, "RowRefused", error.message)
        })
      )
    }

    it.effect("unknown and missing fields, nulls, numbers as texts and objects as texts are taken", () =>
      Effect.gen(function* () {
        yield* insert("log_entries", [
          { timestamp, team_id: "7", instance_id: "unknown", message: "unknown", nobody: { knows: ["this"] } },
          { timestamp, instance_id: "missing", message: "missing" },
          { timestamp, instance_id: "null", message: "null", team_id: null, level: null },
          { timestamp, log_source: { an: "object" }, instance_id: "object", message: "object" },
          { message: "iso", timestamp: timestamp.replace(" ", "T") + "Z" }
        ])
        const messages = ["iso", "missing", "null", "object", "unknown"]
        assert.deepStrictEqual(yield* column("log_entries", "message"), messages)
      })
    )

    it.effect("one insert may hold more than a hundred months", () =>
      Effect.gen(function* () {
        const months = Array.from({ length: 110 }, (_, i) => {
          const month = new Date(Date.UTC(2001, i, 15)).toISOString().slice(0, 10)
          return { uuid, event: month, team_id: 99, timestamp: `${month} 00:00:00.000` }
        })
        yield* insert("events", months)
        assert.strictEqual((yield* column("events", "event")).length, 110)
      })
    )

    it.effect("mappings above version 0 are passed on to the overrides", () =>
      Effect.gen(function* () {
        const mapping = { team_id: 1, person_id: uuid, is_deleted: 0 }
        yield* insert("person_distinct_id2", [
          { ...mapping, distinct_id: "stayed", version: 0 },
          { ...mapping, distinct_id: "moved", version: 1 }
        ])
        assert.deepStrictEqual(yield* column("person_distinct_id2", "distinct_id"), ["moved", "stayed"])
        assert.deepStrictEqual(yield* column("person_distinct_id_overrides", "distinct_id"), ["moved"])
      })
    )

    it.effect("a table that is not there is no fault of the rows", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(insert("nowhere", [{ a: 1 }]))
        assert.strictEqual(error.reason, "Unavailable")
      })
    )
  })
