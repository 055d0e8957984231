import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as KafkaTables from "../../src/clickhouse/KafkaTables.ts"
import * as Schema from "../../src/clickhouse/Schema.ts"

const all = (options: Schema.Options) => [...Schema.statements(options), Schema.versionStatement(options)]

describe("the schema", () => {
  it("is split into statements that each begin with a verb, comments aside", () => {
    for (const statement of all({ database: "tributary" }))
      assert.match(statement, /^CREATE (DATABASE|TABLE|MATERIALIZED VIEW|OR REPLACE VIEW) /)
  })

  it("names another database everywhere", () => {
    const text = all({ database: "other" }).join("\n")
    assert.notInclude(text, "tributary")
    assert.include(text, "CREATE DATABASE IF NOT EXISTS other")
  })

  it("has another version when it has other statements", () => {
    // Tables that stand are left alone under a version that is known: whoever changes a statement raises Schema.version,
    // and brings tables of the version before up to it.
    const kafka = KafkaTables.make({ database: "t" }, { brokers: "", topicPrefix: "", groupPrefix: "" }, [])
    const sum = createHash("sha256")
      .update([...Schema.statements({ database: "t" }), ...kafka].join())
      .digest("hex")
    assert.deepStrictEqual([Schema.version, sum.slice(0, 16)], [1, "0e72c0ca78b0da46"])
  })

  it("changes the time to live only where it is another one", () => {
    const bare = "MergeTree ORDER BY a SETTINGS b = 1"
    const statements = (engine: string, eventsTtlDays?: number) =>
      Schema.ttlStatements({ database: "t", eventsTtlDays }, engine)
    const [set] = statements(bare, 30)
    assert.strictEqual(
      set,
      "ALTER TABLE t.events MODIFY TTL least(toDate(timestamp), toDate('2100-01-01')) + toIntervalDay(30)"
    )
    const limited = bare.replace(" SETTINGS", ` TTL ${set?.replace(/^.*MODIFY TTL /, "")} SETTINGS`)
    assert.deepStrictEqual(statements(limited, 30), [])
    assert.deepStrictEqual(statements(limited), ["ALTER TABLE t.events REMOVE TTL"])
    assert.deepStrictEqual(statements(bare), [])
    assert.strictEqual(statements(limited, 31).length, 1)
  })

  it("says in one line what is wrong with a setting", () => {
    assert.strictEqual(Schema.problem({ database: "tributary", eventsTtlDays: 365 }), undefined)
    assert.match(Schema.problem({ database: "a; DROP" }) ?? "", /^CLICKHOUSE_DATABASE is "a; DROP"; it must be/)
    assert.match(Schema.problem({ database: "a", eventsTtlDays: 0 }) ?? "", /^EVENTS_TTL_DAYS is 0; it must be/)
    assert.match(Schema.problem({ database: "a", eventsTtlDays: 17_001 }) ?? "", /^EVENTS_TTL_DAYS is 17001/)
    assert.match(Schema.problem({ database: "a", eventsTtlDays: 1.5 }) ?? "", /^EVENTS_TTL_DAYS is 1.5/)
  })
})
