import { assert, it } from "@effect/vitest"
import * as Outcome from "@tributary/domain/event/Outcome"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as DeadLetter from "../../src/ingest/DeadLetter.ts"

const record: LogRecord = {
  topic: "events_plugin_ingestion",
  partition: 3,
  offset: 9_007_199_254_740_993n,
  key: new Uint8Array([255, 0]),
  value: new Uint8Array([0, 255]),
  headers: [
    ["token", "phc_1"],
    ["raw", new Uint8Array([254])],
    ["session_id", null]
  ],
  timestamp: 5
}
const outcome = Outcome.deadLetter("invalid_uuid", "parse_message", "no uuid")
const now = Date.UTC(2024, 4, 1, 10)

it("a letter has key, value and headers as they were, then why, and where it comes from", () => {
  assert.deepStrictEqual(DeadLetter.make(record, outcome, 7, now), {
    topic: "events_plugin_ingestion_dlq",
    key: record.key,
    value: record.value!,
    headers: [
      ...record.headers,
      ["dlq_reason", "invalid_uuid"],
      ["dlq_step", "parse_message"],
      ["dlq_error", "no uuid"],
      ["dlq_timestamp", "2024-05-01T10:00:00.000Z"],
      ["dlq_topic", "events_plugin_ingestion"],
      ["dlq_partition", "3"],
      ["dlq_offset", "9007199254740993"],
      ["dlq_team_id", "7"]
    ]
  })
})

it("without a known project it names none", () => {
  const { headers } = DeadLetter.make(record, outcome, undefined, now)
  assert.isFalse(headers.some(([name]) => name === "dlq_team_id"))
})

it("no value and an empty one travel as one zero byte, and say which they were", () => {
  for (const [value, empty] of [
    [null, "null"],
    [new Uint8Array(), "empty"]
  ] as const) {
    const letter = DeadLetter.make({ ...record, value }, outcome, undefined, now)
    assert.deepStrictEqual([letter.value, letter.headers.at(-1)], [new Uint8Array(1), ["dlq_empty", empty]])
  }
})

it("one that is cut keeps 900 KB, and says how long it was", () => {
  const letter = DeadLetter.make({ ...record, value: new Uint8Array(2_000_000).fill(7) }, outcome, 7, now)
  const cut = DeadLetter.truncated(letter)
  assert.deepStrictEqual(cut.value, new Uint8Array(900_000).fill(7))
  assert.deepStrictEqual(cut.headers, [...letter.headers, ["dlq_truncated", "2000000"]])
})
