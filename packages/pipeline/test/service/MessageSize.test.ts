import { assert, describe, it } from "@effect/vitest"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"

describe("MessageSize", () => {
  it("is the bytes of key, value and headers in UTF-8", () => {
    const headers = [
      ["é", "ab"],
      ["none", null],
      ["raw", Uint8Array.of(1, 2, 3)]
    ] as const
    assert.strictEqual(
      MessageSize.of({ topic: "t", key: "日", value: Uint8Array.of(1, 2), headers }),
      3 + 2 + 4 + 4 + 6
    )
    assert.strictEqual(MessageSize.of({ topic: "t", key: null, value: "", headers: [] }), 0)
  })

  it("may be 8 MB, and 9 MB for dead letters with any prefix", () => {
    assert.isUndefined(MessageSize.excess("events_plugin_ingestion", 8_388_608))
    assert.isString(MessageSize.excess("events_plugin_ingestion", 8_388_609))
    assert.isUndefined(MessageSize.excess("prefix_events_plugin_ingestion_dlq", 9_437_184))
    assert.isString(MessageSize.excess("prefix_events_plugin_ingestion_dlq", 9_437_185))
  })
})
