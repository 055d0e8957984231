/** How a program starts with the engine program for its ClickHouse. */
import { assert, layer } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import * as Start from "@tributary/runtime-node/clickhouse/Start"
import { Effect, Layer, Redacted } from "effect"
import { overHttp, Program, password } from "./support.ts"

const options = { database: "tributary", username: "default" }

const startAt = (port: number, secret: Redacted.Redacted) =>
  Effect.provide(
    Start.migrate(options),
    Layer.merge(
      ClickHouseHttp.layer({ url: `http://127.0.0.1:${port}`, username: "default", password: secret }),
      Health.layer
    )
  )

layer(Layer.provideMerge(overHttp, Program.layer), { excludeTestServices: true })("a start", (it) => {
  it.effect("ends with one line for a wrong password and for the port that reads", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Program
      const wrong = yield* Effect.flip(startAt(addresses.writePort, Redacted.make("wr0ng")))
      assert.strictEqual(
        wrong.message,
        "CLICKHOUSE_USER=default, CLICKHOUSE_PASSWORD: ClickHouse knows no such user and password"
      )
      const reader = yield* Effect.flip(startAt(addresses.readPort, password))
      assert.match(reader.message, /^CLICKHOUSE_URL: ClickHouse lets user default read only: [^\n]*$/)
    })
  )

  it.effect("makes the tables, finds them made, and ends with one line where a newer program made them", () =>
    Effect.gen(function* () {
      const { addresses } = yield* Program
      const { command, query } = yield* ClickHouseHttp.ClickHouseHttp
      yield* startAt(addresses.writePort, password)
      yield* startAt(addresses.writePort, password)
      assert.deepStrictEqual(yield* query("SELECT version FROM tributary.schema_version"), [{ version: 1 }])
      yield* command("CREATE OR REPLACE VIEW tributary.schema_version AS SELECT 7 AS version")
      const { message } = yield* Effect.flip(startAt(addresses.writePort, password))
      assert.strictEqual(
        message,
        "the ClickHouse tables of tributary are at version 7, this program knows 1: start a newer one"
      )
    })
  )
})
