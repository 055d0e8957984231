import { assert, describe, it } from "@effect/vitest"
import { toWarning } from "@tributary/domain/event/ClientWarning"

const subject = { team: 1, uuid: "u", event: "$$client_ingestion_warning", distinctId: "d" }

describe("toWarning", () => {
  it("passes the client's message on (A51)", () => {
    assert.deepStrictEqual(toWarning(subject, { $$client_ingestion_warning_message: "m" }), {
      team: 1,
      type: "client_ingestion_warning",
      details: { eventUuid: "u", event: "$$client_ingestion_warning", distinctId: "d", message: "m" }
    })
  })

  it("becomes a type of capture's when it names one, and no other type", () => {
    const structured = {
      $$client_ingestion_warning_details: { count: 2 },
      $$client_ingestion_warning_source: "capture"
    }
    assert.deepStrictEqual(
      toWarning(subject, { ...structured, $$client_ingestion_warning_type: "missing_event_name" }),
      {
        team: 1,
        type: "missing_event_name",
        details: { count: 2 },
        source: "capture"
      }
    )
    const forged = toWarning(subject, {
      ...structured,
      $$client_ingestion_warning_type: "cannot_merge_already_identified"
    })
    assert.strictEqual(forged.type, "client_ingestion_warning")
  })
})
