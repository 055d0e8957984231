import { assert, describe, it } from "@effect/vitest"
import * as Globals from "../../src/function/Globals.ts"

/** A message of `clickhouse_events_json` (spec worker 5.1) with other fields. */
const aMessage = (more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    uuid: "018f3a2e-0000-7000-8000-000000000001",
    event: "signup",
    properties: '{"plan":"pro"}',
    timestamp: "2024-05-01 10:00:00.123",
    team_id: 3,
    project_id: 2,
    distinct_id: "d1",
    elements_chain: "",
    created_at: "2024-05-01 10:00:01.000",
    captured_at: null,
    person_id: "018f3a2e-0000-7000-8000-000000000002",
    person_properties: '{"email":"ann@example.com"}',
    ...more
  })

describe("the message of an event", () => {
  it("is read with its time in ISO and its properties as objects", () => {
    assert.deepStrictEqual(Globals.parseMessage(aMessage()), {
      team: 3,
      projectId: 2,
      uuid: "018f3a2e-0000-7000-8000-000000000001",
      event: "signup",
      distinctId: "d1",
      properties: { plan: "pro" },
      elementsChain: "",
      timestamp: "2024-05-01T10:00:00.123Z",
      capturedAt: null,
      person: { id: "018f3a2e-0000-7000-8000-000000000002", properties: { email: "ann@example.com" } },
      historicalMigration: false
    })
  })

  for (const json of ["null", '"2"', "2.5", "1e400"]) {
    it(`is of its team's own project where the project's id is ${json}`, () => {
      const text = aMessage().replace('"project_id":2', `"project_id":${json}`)
      assert.strictEqual(Globals.parseMessage(text)?.projectId, 3)
    })
  }

  for (const team of [undefined, null, "3", 3.5]) {
    it(`is none without a whole number for the team: ${team}`, () => {
      assert.isUndefined(Globals.parseMessage(aMessage({ team_id: team })))
    })
  }

  for (const [field, value] of [
    ["uuid", "1"],
    ["event", 7],
    ["distinct_id", null],
    ["timestamp", "yesterday"],
    ["properties", "{"],
    ["person_properties", "{"]
  ] as const) {
    it(`is none with ${field} ${value}`, () => {
      assert.isUndefined(Globals.parseMessage(aMessage({ [field]: value })))
    })
  }
})
