import { assert, describe, it } from "@effect/vitest"
import type { ClickHouseError } from "@tributary/pipeline/service/ClickHouseSink"
import { Health } from "@tributary/pipeline/service/Health"
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { ClickHouseHttp, type Row } from "../../src/clickhouse/ClickHouseHttp.ts"
import * as KafkaWatch from "../../src/clickhouse/KafkaWatch.ts"
import { classify } from "../../src/clickhouse/Refusal.ts"

/** What ClickHouse answers of its limit. */
const of = (value: string): Effect.Effect<ReadonlyArray<Row>, ClickHouseError> => Effect.succeed([{ value }])

/** A ClickHouse whose answer can be changed; undefined = it is away. */
const make = () => {
  const state: { rows: ReadonlyArray<Row> | undefined; limit: ReturnType<typeof of>; readonly asked: Array<string> } = {
    rows: [],
    limit: of("0"),
    asked: []
  }
  const clickhouse = ClickHouseHttp.of({
    query: (sql) =>
      Effect.suspend(() => {
        if (sql.includes("system.settings")) return state.limit
        state.asked.push(sql)
        return state.rows === undefined ? Effect.fail(classify(0, "ECONNREFUSED")) : Effect.succeed(state.rows)
      }),
    command: () => Effect.void,
    insert: () => Effect.void
  })
  return { state, layer: Layer.merge(Layer.succeed(ClickHouseHttp, clickhouse), Health.layer) }
}

describe("the watch over ClickHouse's reading of Kafka", () => {
  it.effect("tells of errors while they are new, once a minute, and of ClickHouse being away", () => {
    const { layer, state } = make()
    const lines: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
    return Effect.gen(function* () {
      const health = yield* Health
      const reasons = Effect.map(health.troubles, (all) => all.map(({ engine, reason }) => `${engine}: ${reason}`))
      yield* Effect.forkChild(KafkaWatch.run({ database: "t" }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* reasons, [])

      state.rows = [{ table: "kafka_events", text: "Broker transport failure\nstack" }]
      yield* TestClock.adjust("90 seconds")
      const why =
        "kafka_events: Broker transport failure. It tries again without end, and rows wait in Kafka until retention takes " +
        "them: see that ClickHouse reaches CLICKHOUSE_KAFKA_HOSTS, and that the views of these tables can insert"
      assert.deepStrictEqual(yield* reasons, [`ClickHouse's consumer of Kafka: ${why}`])
      const told = `ClickHouse's consumer of Kafka is away: ${why}`
      assert.deepStrictEqual(lines, [told, told])

      state.rows = undefined
      yield* TestClock.adjust("15 seconds")
      assert.include(yield* reasons, "ClickHouse: ECONNREFUSED")

      state.rows = []
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* reasons, [])
      assert.strictEqual(lines.at(-1), "ClickHouse's consumer of Kafka is back")
    }).pipe(Effect.provide(Layer.merge(layer, logger)))
  })

  it.effect("warns at its start of a limit that a backfill can pass, unless it may not see it", () =>
    Effect.gen(function* () {
      for (const [limit, lines] of [
        [of("0"), []],
        [of("5000"), []],
        [
          of("100"),
          [
            "Warn: ClickHouse's max_partitions_per_insert_block is 100: a block of events of more months stops its reading of Kafka for good. Set it to 0 in the server's profile default (deploy/clickhouse/users.xml)"
          ]
        ],
        [
          Effect.fail(classify(497, "Code: 497. Not enough privileges\nmore")),
          ["Info: max_partitions_per_insert_block of ClickHouse is not checked: Code: 497. Not enough privileges"]
        ]
      ] as const) {
        const { layer, state } = make()
        state.limit = limit
        const said: Array<string> = []
        const logger = Logger.layer([Logger.make(({ logLevel, message }) => void said.push(`${logLevel}: ${message}`))])
        const watch = Effect.forkChild(KafkaWatch.run({ database: "t" }))
        yield* Effect.provide(Effect.andThen(watch, TestClock.adjust("1 minute")), Layer.merge(layer, logger))
        assert.deepStrictEqual(said, [...lines])
        assert.isAbove(state.asked.length, 3)
      }
    })
  )

  it.effect("asks every server of a cluster", () => {
    const { layer, state } = make()
    return Effect.gen(function* () {
      yield* KafkaWatch.failures({ database: "t", cluster: "c" })
      assert.include(state.asked[0], "FROM clusterAllReplicas('c', system.kafka_consumers)")
    }).pipe(Effect.provide(layer))
  })
})
