import { assert, describe, it } from "@effect/vitest"
import type { ClickHouseError } from "@tributary/pipeline/service/ClickHouseSink"
import { Health } from "@tributary/pipeline/service/Health"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { ClickHouseHttp } from "../../src/clickhouse/ClickHouseHttp.ts"
import { classify } from "../../src/clickhouse/Refusal.ts"
import * as Start from "../../src/clickhouse/Start.ts"

const options = { database: "tributary", username: "writer" }

/** A server that fails with these errors, one after the other, and then works. */
const failing = (errors: Array<ClickHouseError>) => {
  const commands: Array<string> = []
  const next = <A>(answer: A) =>
    Effect.suspend(() => {
      const error = errors.shift()
      return error === undefined ? Effect.succeed(answer) : Effect.fail(error)
    })
  const layer = Layer.succeed(
    ClickHouseHttp,
    ClickHouseHttp.of({
      query: () => next([]),
      command: (sql) =>
        Effect.andThen(
          next(undefined),
          Effect.sync(() => void commands.push(sql))
        ),
      insert: () => Effect.void
    })
  )
  return { commands, layer: Layer.merge(layer, Health.layer) }
}

const refused = (code: number, text: string) => classify(code, `Code: ${code}. DB::Exception: ${text}`)

describe("ClickHouse at the start of a program", () => {
  it.effect("is waited for while it is away, with a line a minute and a reason in readiness", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const away = Array.from({ length: 40 }, () => classify(0, "ECONNREFUSED"))
      const { commands, layer } = failing([...away, refused(241, "Memory limit exceeded")])
      yield* Effect.gen(function* () {
        const health = yield* Health
        const fiber = yield* Effect.forkChild(Start.migrate(options))
        yield* TestClock.adjust("125 seconds")
        const [trouble] = yield* health.troubles
        assert.strictEqual(trouble?.engine, "ClickHouse")
        assert.strictEqual(trouble?.reason, "ECONNREFUSED")
        yield* TestClock.adjust("10 minutes")
        yield* Fiber.join(fiber)
        assert.deepStrictEqual(yield* health.troubles, [])
      }).pipe(
        Effect.provide(
          Layer.merge(layer, Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
        )
      )
      assert.isAbove(commands.length, 10)
      const told = lines.filter((line) => line === "ClickHouse is away: ECONNREFUSED")
      assert.isAtLeast(told.length, 3)
      assert.isBelow(told.length, 10)
      assert.strictEqual(lines.at(-1), "ClickHouse is back")
    })
  )

  it.effect("finishes what another program migrates at the same time without a word", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const { commands, layer } = failing([
        refused(60, "Unknown table expression identifier 'tributary.kafka_events'"),
        refused(57, "Table tributary.kafka_events already exists")
      ])
      yield* Effect.gen(function* () {
        const health = yield* Health
        const fiber = yield* Effect.forkChild(Start.migrate(options))
        while (fiber.pollUnsafe() === undefined) {
          assert.deepStrictEqual(yield* health.troubles, [])
          yield* TestClock.adjust("50 millis")
        }
        yield* Fiber.join(fiber)
      }).pipe(
        Effect.provide(
          Layer.merge(layer, Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
        )
      )
      assert.isAbove(commands.length, 10)
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("tells when what another program seemed to do does not end", () =>
    Effect.gen(function* () {
      const { layer } = failing(Array.from({ length: 1000 }, () => refused(60, "Unknown table tributary.lost")))
      yield* Effect.gen(function* () {
        yield* Effect.forkChild(Start.migrate(options))
        yield* TestClock.adjust("1 minute")
        const [trouble] = yield* (yield* Health).troubles
        assert.match(trouble?.reason ?? "", /Unknown table tributary\.lost/)
      }).pipe(Effect.provide(layer))
    })
  )

  const cases: ReadonlyArray<readonly [what: string, error: ClickHouseError, line: RegExp]> = [
    [
      "a wrong password",
      refused(516, "writer: Authentication failed"),
      /^CLICKHOUSE_USER=writer, CLICKHOUSE_PASSWORD: ClickHouse knows no such user and password$/
    ],
    [
      "a right that is missing",
      refused(
        497,
        "writer: Not enough privileges. To execute this query, it's necessary to have the grant CREATE TABLE"
      ),
      /^CLICKHOUSE_USER=writer may not do what the tables of tributary need: Code: 497\. .*CREATE TABLE$/
    ],
    [
      "a port that only reads",
      refused(164, "Only reading"),
      /^CLICKHOUSE_URL: ClickHouse lets user writer read only: /
    ],
    ["a cluster that is not there", refused(701, "Requested cluster 'c' not found"), /^CLICKHOUSE_CLUSTER=/],
    [
      "a statement that this server does not know",
      refused(62, "Syntax error\nmore"),
      /^ClickHouse refuses the schema of tributary: Code: 62\. [^\n]*$/
    ]
  ]
  for (const [what, error, line] of cases) {
    it.effect(`ends the start with one line for ${what}`, () =>
      Effect.gen(function* () {
        const { message } = yield* Effect.flip(Start.migrate(options))
        assert.match(message, line)
      }).pipe(Effect.provide(failing([error]).layer))
    )
  }

  it.effect("is not asked at all with settings that no schema can have", () =>
    Effect.gen(function* () {
      const { commands, layer } = failing([])
      const { message } = yield* Effect.flip(Effect.provide(Start.migrate({ ...options, database: "a b" }), layer))
      assert.match(message, /^CLICKHOUSE_DATABASE is "a b"/)
      assert.deepStrictEqual(commands, [])
    })
  )
})
