import { assert, describe, it } from "@effect/vitest"
import type { Person } from "@tributary/domain/person/Person"
import * as AppMetricRow from "@tributary/domain/row/AppMetricRow"
import * as DistinctIdRow from "@tributary/domain/row/DistinctIdRow"
import * as GroupRow from "@tributary/domain/row/GroupRow"
import * as HeatmapRow from "@tributary/domain/row/HeatmapRow"
import * as LogEntryRow from "@tributary/domain/row/LogEntryRow"
import * as PersonRow from "@tributary/domain/row/PersonRow"
import * as Topics from "@tributary/domain/row/Topics"
import * as WarningRow from "@tributary/domain/row/WarningRow"

const at = Date.parse("2024-05-01T10:00:00.123Z")

describe("PersonRow", () => {
  const person: Person = {
    team: 1,
    uuid: "6931a681-6e90-500d-8294-14582dcc2e3f",
    createdAt: Date.parse("2020-01-01T12:00:05.999Z"),
    properties: { a: 1 },
    isIdentified: false,
    version: 3,
    lastSeenAt: Date.parse("2020-01-01T12:00:00Z")
  }

  it("is the message of spec worker 2.8", () => {
    assert.deepStrictEqual(JSON.parse(PersonRow.encode({ ...person, json: '{"a":1}' })), {
      id: person.uuid,
      created_at: "2020-01-01 12:00:05",
      properties: '{"a":1}',
      team_id: 1,
      is_identified: 0,
      is_deleted: 0,
      version: 3,
      last_seen_at: "2020-01-01 12:00:00"
    })
    const unseen = JSON.parse(PersonRow.encode({ ...person, json: "{}", isIdentified: true, lastSeenAt: null }))
    assert.deepStrictEqual([unseen.is_identified, unseen.last_seen_at], [1, null])
  })

  it("buries a person a hundred versions above its last row", () => {
    const { topic, key, value } = PersonRow.tombstone(person)
    assert.deepStrictEqual([topic, key], ["clickhouse_person", person.uuid])
    const row = JSON.parse(value)
    assert.deepStrictEqual([row.is_deleted, row.version, row.properties], [1, 103, '{"a":1}'])
  })
})

describe("DistinctIdRow", () => {
  it("is the message of spec worker 2.8, keyed by the distinct id", () => {
    const mapping = { team: 1, distinctId: "u1", person: "6931a681-6e90-500d-8294-14582dcc2e3f", version: 2 }
    const { topic, key, value } = DistinctIdRow.message(mapping)
    assert.deepStrictEqual([topic, key], ["clickhouse_person_distinct_id", "u1"])
    assert.deepStrictEqual(JSON.parse(value), {
      distinct_id: "u1",
      person_id: mapping.person,
      team_id: 1,
      version: 2,
      is_deleted: 0
    })
    assert.deepInclude(JSON.parse(DistinctIdRow.encodeTombstone(mapping)), { version: 102, is_deleted: 1 })
  })
})

describe("GroupRow", () => {
  it("is the message of spec worker 4.4, without a key", () => {
    const group = { team: 1, index: 0, key: "acme", properties: { plan: "pro" }, createdAt: at, version: 1 }
    const { topic, key, value } = GroupRow.message({ ...group, json: '{"plan":"pro"}', isNew: true })
    assert.deepStrictEqual([topic, key], ["clickhouse_groups", null])
    assert.deepStrictEqual(JSON.parse(value), {
      group_type_index: 0,
      group_key: "acme",
      team_id: 1,
      group_properties: '{"plan":"pro"}',
      created_at: "2024-05-01 10:00:00",
      version: 1
    })
  })
})

describe("WarningRow", () => {
  const type = "cannot_merge_already_identified"

  it("appends what follows from the type (spec worker 6.6)", () => {
    assert.deepStrictEqual(JSON.parse(WarningRow.encode({ team: 1, type, details: { eventUuid: "u" } }, at)), {
      team_id: 1,
      type,
      source: "plugin-server",
      details: '{"eventUuid":"u","category":"merge","severity":"warning","pipelineStep":"person-merge"}',
      timestamp: "2024-05-01 10:00:00.123"
    })
  })

  it("lets no details override it", () => {
    const forged = { category: "x", pipelineStep: "y", a: 1 }
    const row = JSON.parse(
      WarningRow.encode({ team: 1, type: "invalid_alias", details: forged, source: "capture" }, at)
    )
    assert.strictEqual(row.details, '{"a":1,"category":"event","severity":"error"}')
    assert.strictEqual(row.source, "capture")
  })
})

describe("AppMetricRow", () => {
  it("is the message of spec worker 6.11", () => {
    const metric = { team: 1, appSource: "event_filter", appSourceId: "f", kind: "other", name: "dropped", count: 17 }
    assert.deepStrictEqual(JSON.parse(AppMetricRow.encode(metric, at)), {
      team_id: 1,
      timestamp: "2024-05-01 10:00:00.123",
      app_source: "event_filter",
      app_source_id: "f",
      metric_kind: "other",
      metric_name: "dropped",
      count: 17
    })
  })
})

describe("HeatmapRow", () => {
  it("is the message of spec worker 1.16", () => {
    const subject = { team: 1, uuid: "u", event: "$$heatmap", distinctId: "d" }
    const point = {
      type: "click",
      x: 6,
      y: 3,
      targetFixed: true,
      viewportWidth: 64,
      viewportHeight: 48,
      url: "https://a",
      sessionId: "s"
    }
    assert.deepStrictEqual(JSON.parse(HeatmapRow.encode(point, subject, at)), {
      type: "click",
      x: 6,
      y: 3,
      pointer_target_fixed: true,
      viewport_height: 48,
      viewport_width: 64,
      current_url: "https://a",
      session_id: "s",
      scale_factor: 16,
      timestamp: "2024-05-01 10:00:00.123",
      team_id: 1,
      distinct_id: "d"
    })
  })
})

describe("LogEntryRow", () => {
  const entry = {
    team: 1,
    source: "hog_function",
    sourceId: "f",
    instanceId: "i",
    timestamp: at,
    level: "info",
    message: "m"
  } as const

  it("is the message of spec cdp 3.8", () => {
    assert.deepStrictEqual(JSON.parse(LogEntryRow.encode(entry)), {
      team_id: 1,
      log_source: "hog_function",
      log_source_id: "f",
      instance_id: "i",
      timestamp: "2024-05-01 10:00:00.123",
      level: "info",
      message: "m"
    })
  })

  it("pushes lines of one time apart, in order of time", () => {
    const lines = [at + 1, at, at, at + 1, at + 9].map((timestamp, i) => ({ ...entry, timestamp, message: String(i) }))
    assert.deepStrictEqual(
      LogEntryRow.spread(lines).map(({ timestamp, message }) => [timestamp - at, message]),
      [
        [0, "1"],
        [1, "2"],
        [2, "0"],
        [3, "3"],
        [9, "4"]
      ]
    )
  })
})

describe("Topics", () => {
  it("puts the prefix before a name", () => {
    assert.strictEqual(Topics.withPrefix("dev_")(Topics.clickhouseEvents), "dev_clickhouse_events_json")
  })
})
