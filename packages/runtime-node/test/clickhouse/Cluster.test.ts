/** The schema of a cluster, as text: no engine here has replicas. What a shard makes of it is tested in packages/embedded. */
import { assert, describe, it } from "@effect/vitest"
import * as Cluster from "../../src/clickhouse/Cluster.ts"
import * as KafkaTables from "../../src/clickhouse/KafkaTables.ts"
import * as Schema from "../../src/clickhouse/Schema.ts"
import * as Statement from "../../src/clickhouse/Statement.ts"

const place = { database: "analytics", cluster: "it's" }
const kafka = { brokers: "b:9092", topicPrefix: "", groupPrefix: "clickhouse-" }

const single = Schema.statements({ database: "analytics" })
const statements = Schema.statements(place)
const tables = single.filter((statement) => statement.startsWith("CREATE TABLE"))

/** What makes the table of this name. */
const making = (name: string): string =>
  statements.find((one) => Statement.create(one).name === name) ?? assert.fail(`nothing makes ${name}`)

const orderBy = (statement: string) => /^ORDER BY \((.*)\)$/m.exec(statement)?.[1] ?? assert.fail(statement)
const shardingKey = (statement: string) => /, (sipHash64\(.*\))\)\n/.exec(statement)?.[1] ?? assert.fail(statement)

describe("the schema of a cluster", () => {
  it("runs every statement on the cluster, whose name is a literal", () => {
    const reading = KafkaTables.make(place, kafka, [])
    const removing = KafkaTables.remove(place, [{ name: "kafka_events", engine: "Kafka", comment: "" }])
    const ttl = Schema.ttlStatements({ ...place, eventsTtlDays: 30 }, "")
    const all = [...statements, ...reading, ...removing, ...ttl, Schema.versionStatement(place)]
    assert.isAbove(all.length, 60)
    for (const statement of all) assert.match(statement, /^[A-Z ]+ [\w.]+ ON CLUSTER 'it\\'s'/, statement)
  })

  for (const statement of tables) {
    const { name } = Statement.create(statement)
    const [, engine = "", version] = /ENGINE = (\w+)(?:\((\w+)\))?/.exec(statement) ?? []

    it(`keeps ${name} on every shard in a replicated table with a path and a replica of its own`, () => {
      const stored = making(`sharded_${name}`)
      const path = `'/clickhouse/tables/{shard}/analytics/${name}', '{replica}'`
      const version_ = version === undefined ? "" : `, ${version}`
      assert.include(stored, `ENGINE = Replicated${engine}(${path}${version_})\n`)
      assert.include(stored, "replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800")
      assert.notInclude(stored, "non_replicated")
      // All else is as on a single node.
      for (const part of ["ORDER BY", "PARTITION BY", "SAMPLE BY", "TTL"]) {
        const line = new RegExp(`^${part}.*$`, "m")
        assert.strictEqual(line.exec(stored)?.[0], line.exec(statement)?.[0])
      }
    })

    it(`reads ${name} through a distributed table, whose rows that collapse lie on one shard`, () => {
      const distributed = making(name)
      assert.include(
        distributed,
        ` AS analytics.sharded_${name} ENGINE = Distributed('it\\'s', 'analytics', 'sharded_${name}', `
      )
      const columns = shardingKey(distributed).match(/(?<=[(, ])\w+/g) ?? []
      assert.isAbove(columns.length, 0)
      for (const column of columns) assert.match(orderBy(statement), new RegExp(`\\b${column}\\b`))
    })
  }

  it("shards events and the overrides of their persons alike, so that they join shard by shard", () => {
    const [events, ...others] = ["events", "person_distinct_id2", "person_distinct_id_overrides"].map((name) =>
      shardingKey(making(name))
    )
    assert.strictEqual(events, "sipHash64(distinct_id)")
    for (const other of others) assert.strictEqual(other, events)
  })

  it("takes rows of tables with materialised columns through distributed tables without them", () => {
    const withComputed = tables.filter((one) => / MATERIALIZED /.test(one)).map((one) => Statement.create(one).name)
    assert.deepStrictEqual(withComputed, ["events", "ingestion_warnings"])
    for (const name of withComputed) {
      const writable = making(`writable_${name}`)
      assert.notMatch(writable, /MATERIALIZED|INDEX|CODEC/)
      assert.include(writable, `Distributed('it\\'s', 'analytics', 'sharded_${name}', ${shardingKey(making(name))})`)
      const { definitions } = Statement.table(Statement.create(writable).rest)
      const plain = Statement.table(Statement.create(tables.find((one) => one.includes(`.${name} (`)) ?? "").rest)
      const base = plain.definitions.filter((definition) => !/^INDEX|\sMATERIALIZED\s/.test(definition))
      assert.deepStrictEqual(
        definitions,
        base.map((column) => column.replace(/ CODEC\(.*\)$/, ""))
      )
      assert.strictEqual(Cluster.writable("c", name), `writable_${name}`)
    }
    assert.strictEqual(Cluster.writable("c", "person"), "person")
    assert.strictEqual(Cluster.writable(undefined, "events"), "events")
  })

  it("passes overrides on within a shard", () => {
    const view = making("person_distinct_id_overrides_mv")
    assert.include(view, " TO analytics.sharded_person_distinct_id_overrides AS")
    assert.include(view, "FROM analytics.sharded_person_distinct_id2\n")
  })

  it("passes what ClickHouse reads from Kafka on to all shards", () => {
    const views = KafkaTables.make(place, kafka, []).filter((one) => one.startsWith("CREATE MATERIALIZED VIEW"))
    assert.strictEqual(views.length, 17)
    for (const view of views) {
      const [, target = ""] = / TO analytics\.(\w+)/.exec(view) ?? []
      assert.include(making(target), "ENGINE = Distributed")
      assert.match(view, /^FROM analytics\.kafka_/m)
    }
    assert.isTrue(views.some((view) => view.includes(" TO analytics.writable_events AS")))
  })

  it("lets views read the distributed tables", () => {
    const views = statements.filter((statement) => statement.startsWith("CREATE OR REPLACE VIEW"))
    assert.strictEqual(views.length, 4)
    for (const view of views) {
      const [, source = ""] = /FROM analytics\.(\w+)/.exec(view) ?? []
      assert.include(making(source), "ENGINE = Distributed")
    }
  })

  it("keeps the time to live where the events lie", () => {
    const [statement] = Schema.ttlStatements({ ...place, eventsTtlDays: 30 }, "")
    assert.match(statement ?? "", /^ALTER TABLE analytics\.sharded_events ON CLUSTER 'it\\'s' MODIFY TTL /)
  })
})
