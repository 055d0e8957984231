import { assert, describe, it } from "@effect/vitest"
import { captureTypes, catalogue, entryOf } from "@tributary/domain/warning/Catalogue"

describe("catalogue", () => {
  it("sends five types always (spec worker 6.7)", () => {
    assert.deepStrictEqual(
      [...catalogue].filter(([, entry]) => entry.alwaysSend).map(([type]) => type),
      [
        "cannot_merge_already_identified",
        "cannot_merge_with_illegal_distinct_id",
        "merge_race_condition",
        "client_ingestion_warning",
        "invalid_event_when_process_person_profile_is_false"
      ]
    )
  })

  it("has an entry for capture's types, and for types that nobody listed", () => {
    for (const type of captureTypes) assert.strictEqual(entryOf(type).severity, "error")
    assert.deepStrictEqual(entryOf("toString"), { category: "event", severity: "warning", alwaysSend: false })
  })
})
