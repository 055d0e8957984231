import { assert, describe, it } from "@effect/vitest"
import * as Schema from "../../src/clickhouse/Schema.ts"

const kafka = { brokers: "b1:9092,it's:1", topicPrefix: "dev_", groupPrefix: "clickhouse-" }

describe("the schema", () => {
  it("is split into statements that each begin with a verb, comments aside", () => {
    const statements = Schema.statements({ database: "tributary", kafka })
    for (const statement of statements)
      assert.match(statement, /^CREATE (DATABASE|TABLE|MATERIALIZED VIEW|OR REPLACE VIEW) /)
    assert.strictEqual(statements.filter((statement) => statement.includes("ENGINE = Kafka")).length, 9)
  })

  it("has Kafka tables only where ClickHouse reads the log", () => {
    assert.notInclude(Schema.statements({ database: "tributary" }).join(), "Kafka")
  })

  it("names another database everywhere", () => {
    const all = Schema.statements({ database: "other", kafka }).join("\n")
    assert.notInclude(all, "tributary")
    assert.include(all, "CREATE DATABASE IF NOT EXISTS other")
  })

  it("names brokers, topics and groups, as literals", () => {
    const all = Schema.statements({ database: "tributary", kafka }).join("\n")
    assert.include(all, "kafka_broker_list = 'b1:9092,it\\'s:1', kafka_topic_list = 'dev_clickhouse_person'")
    assert.include(all, "kafka_group_name = 'clickhouse-dev_clickhouse_person'")
    assert.notMatch(all, /\{\{/)
  })

  it("changes the time to live only where it is another one", () => {
    const bare = "MergeTree ORDER BY a SETTINGS b = 1"
    const [set] = Schema.ttlStatements("t", bare, 30)
    assert.strictEqual(
      set,
      "ALTER TABLE t.events MODIFY TTL least(toDate(timestamp), toDate('2100-01-01')) + toIntervalDay(30)"
    )
    const limited = bare.replace(" SETTINGS", ` TTL ${set?.replace(/^.*MODIFY TTL /, "")} SETTINGS`)
    assert.deepStrictEqual(Schema.ttlStatements("t", limited, 30), [])
    assert.deepStrictEqual(Schema.ttlStatements("t", limited, undefined), ["ALTER TABLE t.events REMOVE TTL"])
    assert.deepStrictEqual(Schema.ttlStatements("t", bare, undefined), [])
    assert.strictEqual(Schema.ttlStatements("t", limited, 31).length, 1)
  })

  it("says in one line what is wrong with a setting", () => {
    assert.strictEqual(Schema.problem({ database: "tributary", eventsTtlDays: 365 }), undefined)
    assert.match(Schema.problem({ database: "a; DROP" }) ?? "", /^CLICKHOUSE_DATABASE is "a; DROP"; it must be/)
    assert.match(Schema.problem({ database: "a", eventsTtlDays: 0 }) ?? "", /^EVENTS_TTL_DAYS is 0; it must be/)
    assert.match(Schema.problem({ database: "a", eventsTtlDays: 17_001 }) ?? "", /^EVENTS_TTL_DAYS is 17001/)
    assert.match(Schema.problem({ database: "a", eventsTtlDays: 1.5 }) ?? "", /^EVENTS_TTL_DAYS is 1.5/)
  })
})
