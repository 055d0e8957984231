import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Migrate from "../../src/clickhouse/Migrate.ts"
import * as Schema from "../../src/clickhouse/Schema.ts"
import * as Statement from "../../src/clickhouse/Statement.ts"

const options = { database: "tributary" }
const kafka = { brokers: "b:9092", topicPrefix: "", groupPrefix: "clickhouse-" }

const tableOf = (name: string, engine = "ReplacingMergeTree") => ({ name, engine, engineFull: engine, comment: "" })

/** The schema as it stands when all of it was made. */
const complete = {
  hasDatabase: true,
  version: Schema.version,
  tables: [
    ...Schema.statements(options)
      .slice(1)
      .map((one) => tableOf(Statement.create(one).name)),
    tableOf("schema_version", "View")
  ]
}

/** A server that answers as if its tables were these, and remembers what it was told to do. */
const server = (state: typeof complete, id = "018f0000-0000-7000-8000-00000000000a") => {
  const commands: Array<string> = []
  const run: Migrate.Run<never, never> = {
    command: (sql) => Effect.sync(() => void commands.push(sql)),
    rows: (sql) => {
      if (sql.includes("system.databases")) return Effect.succeed(state.hasDatabase ? [{ name: "tributary" }] : [])
      if (sql.includes("serverUUID")) return Effect.succeed([{ id }])
      if (sql.includes("schema_version")) return Effect.succeed([{ version: state.version }])
      return Effect.succeed(
        state.tables.map(({ comment, engine, engineFull, name }) => ({
          name,
          engine,
          engine_full: engineFull,
          comment
        }))
      )
    }
  }
  return { commands, run }
}

describe("migrations of ClickHouse", () => {
  it.effect("make everything where nothing is, and say last which version it is", () =>
    Effect.gen(function* () {
      const { commands, run } = server({ hasDatabase: false, version: 0, tables: [] })
      yield* Migrate.migrate(options, run)
      assert.deepStrictEqual(commands, [...Schema.statements(options), Schema.versionStatement(options)])
    })
  )

  it.effect("run nothing where everything stands, so that no right to change the schema is needed", () =>
    Effect.gen(function* () {
      const { commands, run } = server(complete)
      yield* Migrate.migrate(options, run)
      assert.deepStrictEqual(commands, [])
    })
  )

  it.effect("make what is missing, and no more", () =>
    Effect.gen(function* () {
      const { commands, run } = server({ ...complete, tables: complete.tables.filter(({ name }) => name !== "groups") })
      yield* Migrate.migrate(options, run)
      assert.deepStrictEqual(
        commands.map((one) => Statement.create(one).name),
        ["groups"]
      )
    })
  )

  it.effect("repeat all statements on tables of another version, but make no database that is there", () =>
    Effect.gen(function* () {
      const { commands, run } = server({ ...complete, version: 0 })
      yield* Migrate.migrate(options, run)
      assert.deepStrictEqual(commands, [...Schema.statements(options).slice(1), Schema.versionStatement(options)])
    })
  )

  it.effect("stop before tables that a newer program made", () =>
    Effect.gen(function* () {
      const { commands, run } = server({ ...complete, version: Schema.version + 1 })
      const { message } = yield* Effect.flip(Migrate.migrate(options, run))
      assert.strictEqual(
        message,
        "the ClickHouse tables of tributary are at version 2, this program knows 1: start a newer one"
      )
      assert.deepStrictEqual(commands, [])
    })
  )

  it.effect("stop before the tables of a cluster without its name, and the other way round", () =>
    Effect.gen(function* () {
      const spread = {
        ...complete,
        tables: [...complete.tables.filter(({ name }) => name !== "events"), tableOf("events", "Distributed")]
      }
      const without = yield* Effect.flip(Migrate.migrate(options, server(spread).run))
      assert.match(
        without.message,
        /^CLICKHOUSE_CLUSTER is not set, but ClickHouse has the tables of tributary on a cluster$/
      )
      const single = yield* Effect.flip(Migrate.migrate({ ...options, cluster: "c" }, server(complete).run))
      assert.match(
        single.message,
        /^CLICKHOUSE_CLUSTER=c, but ClickHouse has the tables of tributary on a single node: /
      )
      yield* Migrate.migrate({ ...options, cluster: "c" }, server(spread).run)
    })
  )

  it.effect("refuse SCRAM for the embedded engine, not for a server", () =>
    Effect.gen(function* () {
      const security = { protocol: "SASL_PLAINTEXT", mechanism: "scram-sha-512" } as const
      const embedded = server(complete, "00000000-0000-0000-0000-000000000000")
      const { message } = yield* Effect.flip(
        Migrate.migrate({ ...options, kafka: { ...kafka, security } }, embedded.run)
      )
      assert.match(message, /^KAFKA_SASL_MECHANISM=SCRAM-SHA-512: the embedded ClickHouse engine knows only PLAIN; /)
      assert.deepStrictEqual(embedded.commands, [])
      yield* Migrate.migrate({ ...options, kafka: { ...kafka, security } }, server(complete).run)
      const plain = { ...security, mechanism: "plain" }
      yield* Migrate.migrate({ ...options, kafka: { ...kafka, security: plain } }, embedded.run)
    })
  )
})
