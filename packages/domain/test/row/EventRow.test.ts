import { assert, describe, it } from "@effect/vitest"
import type { ProcessedEvent } from "@tributary/domain/event/Event"
import { encode, productTrack } from "@tributary/domain/row/EventRow"
import { aProject } from "../person/support/Events.ts"

const now = Date.parse("2024-05-01T10:00:05.010Z")
const event: ProcessedEvent = {
  at: { topic: "t", partition: 0, offset: 1n },
  project: aProject(1, { projectId: 2 }),
  uuid: "0199A1B2-0000-7000-8000-00000000000F",
  event: "clicked",
  distinctId: "u",
  properties: { x: 1 },
  timestamp: Date.parse("2024-05-01T10:00:00.1Z"),
  receivedAt: now,
  personProcessing: "on",
  historicalMigration: false,
  capturedAt: null,
  partner: undefined,
  person: {
    uuid: "6931a681-6e90-500d-8294-14582dcc2e3f",
    properties: { a: 1, b: 2 },
    createdAt: Date.parse("2020-01-01T12:00:05.999Z"),
    mode: "full"
  }
}
const rowOf = (changes: Partial<ProcessedEvent>): Record<string, unknown> =>
  JSON.parse(encode({ ...event, ...changes }, now))

describe("encode", () => {
  it("has exactly the fields of spec worker 5.1 (G01, G02)", () => {
    assert.deepStrictEqual(rowOf({}), {
      uuid: event.uuid,
      event: "clicked",
      properties: '{"x":1}',
      timestamp: "2024-05-01 10:00:00.100",
      team_id: 1,
      project_id: 2,
      distinct_id: "u",
      elements_chain: "",
      created_at: "2024-05-01 10:00:05.010",
      captured_at: null,
      person_id: "6931a681-6e90-500d-8294-14582dcc2e3f",
      person_properties: '{"a":1,"b":2}',
      person_created_at: "2020-01-01 12:00:05",
      person_mode: "full"
    })
  })

  it("shows the values that the event sets on top of the person's (G03, P25)", () => {
    assert.strictEqual(rowOf({ properties: { $set: { b: 3 } } })["person_properties"], '{"a":1,"b":3}')
    assert.strictEqual(rowOf({ properties: { $set: "abc" } })["person_properties"], '{"a":1,"b":2}')
  })

  it("shows nothing of a person in both personless modes (G17)", () => {
    for (const mode of ["propertyless", "force_upgrade"] as const) {
      const row = rowOf({ person: { ...event.person, mode, createdAt: 5000 }, properties: { $set: { a: 1 } } })
      assert.strictEqual(row["person_properties"], "{}")
      assert.strictEqual(row["person_created_at"], "1970-01-01 00:00:05")
      assert.strictEqual(row["person_mode"], mode)
    }
  })

  it("moves elements out of the properties (G04, G05, G06)", () => {
    const given = rowOf({ properties: { $elements_chain: "a:", $elements: [{}], x: 1 } })
    assert.deepStrictEqual([given["elements_chain"], given["properties"]], ["a:", '{"x":1}'])
    const listed = rowOf({ properties: { $elements: [{ tag_name: "a" }, { tag_name: "b" }] } })
    assert.strictEqual(listed["elements_chain"], 'a:nth-child="0"nth-of-type="0";b:nth-child="0"nth-of-type="0"')
    assert.strictEqual(listed["properties"], "{}")
    const wrong = rowOf({ properties: { $elements: "oops" } })
    assert.deepStrictEqual([wrong["elements_chain"], wrong["properties"]], ["", "{}"])
  })

  it("tells imports, and only them (A53)", () => {
    assert.isFalse(Object.hasOwn(rowOf({}), "historical_migration"))
    assert.isTrue(rowOf({ historicalMigration: true })["historical_migration"])
  })

  it("tells when the event was captured", () => {
    assert.strictEqual(rowOf({ capturedAt: now })["captured_at"], "2024-05-01 10:00:05.010")
  })

  it("carries odd names as they are", () => {
    const properties: Record<string, unknown> = JSON.parse('{"__proto__":1,"$elements":[]}')
    assert.strictEqual(rowOf({ properties })["properties"], '{"__proto__":1}')
  })
})

describe("productTrack", () => {
  it("tells events about language models from others (G08)", () => {
    assert.strictEqual(productTrack("$ai_generation"), "llma")
    assert.strictEqual(productTrack("ai_generation"), "general")
  })
})
