/**
 * A cluster's schema on one shard of this process: its Distributed tables, views and Kafka tables run here, without what needs
 * a keeper (`ON CLUSTER` and replicas), which is checked as text in packages/runtime-node.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as KafkaTables from "@tributary/runtime-node/clickhouse/KafkaTables"
import * as Schema from "@tributary/runtime-node/clickhouse/Schema"
import { Session } from "chdb"
import { Effect } from "effect"
import { folder } from "./support.ts"

const place = { database: "analytics", cluster: "main" }

const config = `<clickhouse>
  <tcp_port>9000</tcp_port>
  <remote_servers><main><shard>
    <internal_replication>true</internal_replication>
    <replica><host>127.0.0.1</host><port>9000</port></replica>
  </shard></main></remote_servers>
</clickhouse>`

const withoutKeeper = (statement: string) =>
  statement
    .replace(" ON CLUSTER 'main'", "")
    .replace(/ENGINE = Replicated(\w+)\('[^']*', '\{replica\}'(?:, )?/, "ENGINE = $1(")

const shard = Effect.acquireRelease(
  Effect.sync(() => {
    const path = folder()
    writeFileSync(join(path, "engine.xml"), config)
    return new Session(path, { connectionArgs: [`--config-file=${join(path, "engine.xml")}`] })
  }),
  (session) => Effect.sync(() => session.close())
)

describe("the schema of a cluster, on a shard", () => {
  it.live("takes rows through its distributed tables, and shows them in every view", () =>
    Effect.gen(function* () {
      const session = yield* shard
      const run = (sql: string) => session.query(sql, "TabSeparated")
      const kafka = KafkaTables.make(place, { brokers: "127.0.0.1:1", topicPrefix: "", groupPrefix: "" }, [])
      const views = kafka.filter((statement) => !statement.includes("ENGINE = Kafka"))
      for (const statement of [...Schema.statements(place), ...views, Schema.versionStatement(place)]) {
        run(withoutKeeper(statement))
      }
      const insert = (table: string, row: object) =>
        run(
          `INSERT INTO analytics.${table} SETTINGS distributed_foreground_insert = 1 FORMAT JSONEachRow ${JSON.stringify(row)}`
        )
      const properties = '{"$group_0":"acme","$session_id":"s"}'
      const uuid = "018f0000-0000-7000-8000-00000000000a"
      const event = { uuid, event: "e", distinct_id: "d", timestamp: "2026-01-01 00:00:00", properties }
      insert("writable_events", event)
      insert("writable_events", event)
      insert("person", { id: uuid, team_id: 1, version: 2, properties: "{}" })
      insert("person_distinct_id2", { team_id: 1, distinct_id: "d", person_id: uuid, version: 1 })
      insert("groups", { team_id: 1, group_key: "acme", version: 1 })
      insert("writable_ingestion_warnings", {
        ...{ team_id: 1, type: "t", timestamp: new Date().toISOString() },
        details: '{"category":"merge"}'
      })
      assert.strictEqual(
        run("SELECT event, `$group_0`, `$session_id` FROM analytics.events_deduplicated"),
        "e\tacme\ts\n"
      )
      assert.strictEqual(run("SELECT version FROM analytics.current_person"), "2\n")
      assert.strictEqual(run("SELECT distinct_id, version FROM analytics.current_distinct_id"), "d\t1\n")
      assert.strictEqual(run("SELECT distinct_id FROM analytics.person_distinct_id_overrides"), "d\n")
      assert.strictEqual(run("SELECT group_key FROM analytics.current_group"), "acme\n")
      assert.strictEqual(run("SELECT category FROM analytics.ingestion_warnings"), "merge\n")
      assert.strictEqual(run("SELECT version FROM analytics.schema_version"), `${Schema.version}\n`)
    }).pipe(Effect.scoped)
  )
})
