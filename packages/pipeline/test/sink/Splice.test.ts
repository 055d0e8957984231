import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Splice from "../../src/sink/Splice.ts"
import { record, recordTime, targetOf } from "./support.ts"

const now = 1_764_000_000_999
const events = targetOf("events")
const warnings = targetOf("ingestion_warnings")

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const lines = (bytes: Uint8Array): ReadonlyArray<Record<string, unknown>> =>
  text(bytes)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))

describe("a message becomes a row", () => {
  it("by putting its place in front of its first field", () => {
    const rows = Splice.rows(events, [record("t", 3, 7, '{"event":"a"}', { timestamp: recordTime + 123 })], now)
    assert.strictEqual(text(rows), '{"_timestamp":4102444800,"_offset":7,"event":"a"}\n')
  })

  it("with its partition where the table has a column for it", () => {
    const rows = Splice.rows(warnings, [record("t", 3, 7, '{"type":"a"}')], now)
    assert.strictEqual(text(rows), '{"_timestamp":4102444800,"_offset":7,"_partition":3,"type":"a"}\n')
  })

  it("also when it has no fields", () => {
    for (const empty of ["{}", "{ }", "{\n}"])
      assert.strictEqual(lines(Splice.rows(events, [record("t", 0, 1, empty)], now)).length, 1)
  })

  it("of the time of the insert when it has none itself", () => {
    const [row] = lines(Splice.rows(events, [record("t", 0, 1, "{}", { timestamp: -1 })], now))
    assert.strictEqual(row?.["_timestamp"], 1_764_000_000)
  })

  it("whatever JSON object it is, with its own keys untouched", () => {
    const value = { __proto__: 1, a: { b: ["\u2028", "ü", "\u0000"] }, constructor: null }
    const [row] = lines(Splice.rows(events, [record("t", 0, 1, JSON.stringify(value))], now))
    assert.deepStrictEqual({ ...row, ...{ _timestamp: 0, _offset: 0 } }, { _timestamp: 0, _offset: 0, ...value })
  })

  // Compared as text: JSON.parse of Node 24 takes escaped keys for others that it has seen (nodejs/node 63785).
  it.prop(
    "byte by byte, however many there are",
    { values: Schema.Array(Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Null]))) },
    ({ values }) => {
      const messages = values.map((value) => JSON.stringify(value))
      const rows = Splice.rows(
        events,
        messages.map((message, i) => record("t", 0, i, message)),
        now
      )
      const expected = messages.map(
        (message, i) => `{"_timestamp":4102444800,"_offset":${i}${message === "{}" ? "" : ","}${message.slice(1)}\n`
      )
      assert.strictEqual(text(rows), expected.join(""))
    }
  )
})

describe("what is no row", () => {
  it("is skipped without a value, and broken if it does not begin as an object", () => {
    const values = [null, "", "[]", " {}", "1", "{}", "null"]
    const messages = values.map((value, i) => record("t", 0, i, value))
    const { rows, broken } = Splice.split(events, messages)
    assert.deepStrictEqual(
      rows.map(({ offset }) => offset),
      [5n]
    )
    assert.deepStrictEqual(
      broken.map(({ record }) => record.offset),
      [2n, 3n, 4n, 6n]
    )
  })

  it("is kept with its place, its bytes and what was wrong", () => {
    const broken = [{ record: record('t"', 2, 9, 'not "json"\n'), error: "line\n\\2" }]
    assert.deepStrictEqual(lines(Splice.errorRows(broken, now)), [
      { topic: 't"', partition: 2, offset: 9, raw: 'not "json"\n', error: "line\n\\2", _timestamp: 4_102_444_800 }
    ])
  })
})

describe("a dead letter", () => {
  const letters = targetOf("dead_letters")
  const source = [
    ["dlq_topic", "events_plugin_ingestion"],
    ["dlq_partition", "2"],
    ["dlq_offset", "41"]
  ] as const
  const rowOf = (headers: ReadonlyArray<readonly [string, string | Uint8Array | null]>, value: string | null = "x") =>
    lines(Splice.rows(letters, [record("events_plugin_ingestion_dlq", 1, 5, value, { headers })], now))[0]

  it("has the place of the message that died for its key, and its own place beside it", () => {
    const row = rowOf([
      ...source,
      ["token", "phc_1"],
      ["distinct_id", "u1"],
      ["event", "$pageview"],
      ["uuid", "abc"],
      ["dlq_reason", "invalid_uuid"],
      ["dlq_step", "validate"],
      ["dlq_error", "no uuid"],
      ["dlq_team_id", "7"],
      ["dlq_timestamp", "2026-11-25T10:00:00.123Z"]
    ])
    const { headers, ...columns } = row ?? {}
    assert.strictEqual(Object.keys(headers ?? {}).length, 12)
    assert.deepStrictEqual(columns, {
      topic: "events_plugin_ingestion",
      partition: 2,
      offset: 41,
      team_id: 7,
      token: "phc_1",
      distinct_id: "u1",
      event: "$pageview",
      uuid: "abc",
      reason: "invalid_uuid",
      step: "validate",
      error: "no uuid",
      timestamp: "2026-11-25 10:00:00.123",
      key: "",
      value: "x",
      _timestamp: 4_102_444_800,
      _partition: 1,
      _offset: 5
    })
  })

  it("has its own place for its key when the source is not told in full", () => {
    for (const headers of [
      [],
      source.slice(0, 2),
      [...source, ["dlq_offset", "x"]] as const,
      [...source, ["dlq_topic", ""]] as const
    ]) {
      const row = rowOf(headers)
      assert.deepStrictEqual(
        [row?.["topic"], row?.["partition"], row?.["offset"]],
        ["events_plugin_ingestion_dlq", 1, 5]
      )
    }
  })

  it("takes the last of several headers of one name", () => {
    const row = rowOf([["dlq_reason", "first"], ...source, ["dlq_reason", "last"], ["dlq_offset", "42"]])
    assert.deepStrictEqual([row?.["reason"], row?.["offset"]], ["last", 42])
  })

  it("had no value when it says so", () => {
    assert.strictEqual(rowOf([["dlq_empty", "null"]], "\u0000")?.["value"], "")
    assert.strictEqual(rowOf([["dlq_empty", ""]], "x")?.["value"], "x")
    assert.strictEqual(rowOf([], null)?.["value"], "")
  })

  it("of a header that is no number or no time gets a default", () => {
    const row = rowOf([
      ["dlq_team_id", "99999999999999999999"],
      ["dlq_timestamp", "yesterday"],
      ["token", null]
    ])
    assert.deepStrictEqual([row?.["team_id"], row?.["timestamp"], row?.["token"]], [0, "2100-01-01 00:00:00.000", ""])
  })
})
