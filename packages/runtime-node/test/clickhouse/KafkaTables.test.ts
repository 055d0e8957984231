import { assert, describe, it } from "@effect/vitest"
import { targets } from "@tributary/pipeline/sink/Tables"
import { Redacted } from "effect"
import * as KafkaTables from "../../src/clickhouse/KafkaTables.ts"
import * as Statement from "../../src/clickhouse/Statement.ts"

const place = { database: "tributary" }
const options = { brokers: "b1:9092,it's:1", topicPrefix: "dev_", groupPrefix: "clickhouse-" }

/** What `system.tables` shows after these statements have run. */
const after = (
  statements: ReadonlyArray<string>,
  before: ReadonlyArray<KafkaTables.Found> = []
): ReadonlyArray<KafkaTables.Found> => {
  const there = new Map(before.map((one) => [one.name, one]))
  for (const statement of statements) {
    const dropped = /^DROP (?:TABLE|VIEW) IF EXISTS tributary\.(\w+)$/.exec(statement)?.[1]
    if (dropped !== undefined) {
      there.delete(dropped)
      continue
    }
    const { kind, name } = Statement.create(statement)
    if (there.has(name)) continue
    const engine = kind === "TABLE" ? (/^\) ENGINE = (\w+)/m.exec(statement)?.[1] ?? "") : "MaterializedView"
    there.set(name, { name, engine, comment: /COMMENT '(.*)'$/.exec(statement)?.[1] ?? "" })
  }
  return [...there.values()]
}

const made = KafkaTables.make(place, options, [])
const standing = after(made)

describe("ClickHouse's Kafka tables", () => {
  it("are one for each topic that the sink reads, with its group, and fill the same tables", () => {
    const kafka = made.filter((statement) => statement.includes("ENGINE = Kafka"))
    assert.strictEqual(kafka.length, targets.length)
    for (const { table, topic } of targets) {
      const reading = kafka.find((statement) => statement.includes(`kafka_topic_list = 'dev_${topic}'`))
      assert.include(reading, `kafka_group_name = 'clickhouse-dev_${topic}'`)
      const { name } = Statement.create(reading ?? "")
      const views = made.filter(
        (statement) =>
          statement.includes(`\nFROM tributary.${name}\n`) || statement.endsWith(`\nFROM tributary.${name}`)
      )
      assert.include(views[0], ` TO tributary.${table} AS`)
      // A dead letter always parses.
      if (table !== "dead_letters") assert.include(views[1], " TO tributary.kafka_errors AS")
    }
  })

  it("begin to read only when both of their views stand, and end before their views go", () => {
    const removed = KafkaTables.remove(place, standing)
    for (const { name } of standing.filter(({ engine }) => engine === "Kafka")) {
      const at = (pattern: RegExp, statements = made) => statements.findIndex((statement) => pattern.test(statement))
      const begins = at(new RegExp(`^CREATE TABLE IF NOT EXISTS tributary\\.${name} (.|\\n)*ENGINE = Kafka`))
      const lastView = made.findLastIndex((statement) => new RegExp(`\\nFROM tributary\\.${name}\\b`).test(statement))
      assert.isAbove(begins, lastView)
      const ends = at(new RegExp(`^DROP TABLE IF EXISTS tributary\\.${name}$`), removed)
      const firstViewGone = at(new RegExp(`^DROP VIEW IF EXISTS tributary\\.${name}_`), removed)
      assert.isAtLeast(ends, 0)
      assert.isAbove(firstViewGone, ends)
    }
  })

  it("are left alone where they stand, and are all gone after they were removed", () => {
    assert.deepStrictEqual(KafkaTables.make(place, options, standing), [])
    assert.deepStrictEqual(after(KafkaTables.remove(place, standing), standing), [])
    assert.deepStrictEqual(KafkaTables.remove(place, []), [])
  })

  it("stand whatever of them was there before, wherever the making of them was cut off", () => {
    for (let cut = 0; cut <= made.length; cut++) {
      const left = after(made.slice(0, cut))
      assert.sameDeepMembers([...after(KafkaTables.make(place, options, left), left)], [...standing])
    }
    for (const { name } of standing) {
      const left = standing.filter((one) => one.name !== name)
      assert.sameDeepMembers([...after(KafkaTables.make(place, options, left), left)], [...standing])
    }
  })

  it("are made again for other brokers or another password, while their views stand", () => {
    const security = {
      protocol: "SASL_SSL",
      mechanism: "plain",
      username: "u",
      password: Redacted.make("p'1")
    } as const
    const other = KafkaTables.make(place, { ...options, security }, standing)
    assert.strictEqual(other.filter((statement) => statement.startsWith("DROP TABLE")).length, 9)
    assert.isFalse(other.some((statement) => statement.includes("VIEW")))
    const again = after(other, standing)
    const changed = { ...security, password: Redacted.make("p'2") }
    assert.strictEqual(KafkaTables.make(place, { ...options, security: changed }, again).length, 18)
    assert.deepStrictEqual(KafkaTables.make(place, { ...options, security }, again), [])
  })

  it("say how ClickHouse proves itself to the brokers, as literals", () => {
    const security = {
      protocol: "SASL_SSL",
      mechanism: "plain",
      username: "u",
      password: Redacted.make("p'1")
    } as const
    const text = KafkaTables.make(place, { ...options, security }, []).join("\n")
    assert.include(
      text,
      `kafka_security_protocol = 'sasl_ssl', kafka_sasl_mechanism = 'PLAIN', kafka_sasl_username = 'u', kafka_sasl_password = 'p\\'1'`
    )
    assert.include(text, "kafka_broker_list = 'b1:9092,it\\'s:1'")
    assert.notMatch(text, /\{\{/)
    assert.notInclude(made.join("\n"), "kafka_security_protocol")
  })

  it("prove themselves as our own programs do", () => {
    const tls = { trusted: undefined, client: undefined, verify: true }
    const sasl = { mechanism: "PLAIN", user: "u", password: Redacted.make("p") } as const
    const protocols = [
      { tls: undefined, sasl: undefined },
      { tls, sasl: undefined },
      { tls: undefined, sasl },
      { tls, sasl }
    ].map((settings) => KafkaTables.securityOf(settings).protocol)
    assert.deepStrictEqual(protocols, ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
    const { mechanism, password, username } = KafkaTables.securityOf({ tls, sasl })
    assert.deepStrictEqual([mechanism, username, password], ["PLAIN", "u", sasl.password])
  })
})
