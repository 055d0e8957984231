/** The sink while ClickHouse does not answer, and when it is asked to stop. */
import { assert, describe, it } from "@effect/vitest"
import { ClickHouseError, ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { Health } from "@tributary/pipeline/service/Health"
import * as ClickHouseSinkMemory from "@tributary/pipeline/service/memory/ClickHouseSinkMemory"
import * as EventLogMemory from "@tributary/pipeline/service/memory/EventLogMemory"
import * as ProgressMemory from "@tributary/pipeline/service/memory/ProgressMemory"
import * as Sink from "@tributary/pipeline/sink/Sink"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { targetOf } from "./support.ts"

const target = targetOf("app_metrics2")
const group = `clickhouse-${target.topic}`
const message = { topic: target.topic, key: "k", value: '{"team_id":1,"count":1}', headers: [] }

/** A running sink, with what it sends to ClickHouse going through `insert` first. */
const running = (insert: Effect.Effect<void, ClickHouseError>) =>
  Effect.gen(function* () {
    const log = EventLogMemory.make({ partitions: 1 })
    const tables = ClickHouseSinkMemory.makeTables()
    const clickhouse = Layer.effect(
      ClickHouseSink,
      ClickHouseSink.use((real) =>
        Effect.succeed({ insert: (request) => Effect.andThen(insert, real.insert(request)) })
      )
    ).pipe(Layer.provide(ClickHouseSinkMemory.layer(tables)))
    const health = yield* Layer.build(Health.layer)
    const scope = yield* Scope.make()
    yield* Sink.run({ topicPrefix: "", groupPrefix: "clickhouse-", targets: [target] }).pipe(
      Effect.provide(
        Layer.mergeAll(EventLogMemory.layer(log), clickhouse, ProgressMemory.layer(ProgressMemory.makeTables()))
      ),
      Effect.provide(health),
      Scope.provide(scope)
    )
    yield* log.send([message])
    yield* TestClock.adjust("1 second")
    return {
      rows: () => tables.rows.get(target.table)?.length,
      committed: () => log.committed(group, target.topic, 0),
      health: yield* Effect.provide(Health, health),
      close: Scope.close(scope, Exit.void)
    }
  })

const away = new ClickHouseError({ reason: "Unavailable", code: 241, message: "Memory limit exceeded" })

describe("the sink", () => {
  it.effect("waits for ClickHouse as long as it takes, says so, stays alive, and then stores everything once", () =>
    Effect.gen(function* () {
      let isAway = true
      const sink = yield* running(Effect.suspend(() => (isAway ? Effect.fail(away) : Effect.void)))
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual([sink.rows(), sink.committed()], [0, undefined])
      const [trouble] = yield* sink.health.troubles
      assert.deepStrictEqual([trouble?.engine, trouble?.reason], ["ClickHouse", "Memory limit exceeded"])
      assert.deepStrictEqual(yield* sink.health.stalled, [])
      isAway = false
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([sink.rows(), sink.committed()], [1, 1n])
      assert.deepStrictEqual(yield* sink.health.troubles, [])
      yield* sink.close
    })
  )

  it.effect("finishes and commits the insert in hand when it is asked to stop", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const sink = yield* running(Deferred.await(gate))
      const closing = yield* Effect.forkChild(sink.close)
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual([sink.rows(), sink.committed()], [0, undefined])
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(closing)
      assert.deepStrictEqual([sink.rows(), sink.committed()], [1, 1n])
    })
  )

  it.effect("gives up the insert in hand after ten seconds, and commits nothing of it", () =>
    Effect.gen(function* () {
      const sink = yield* running(Effect.fail(away))
      const closing = yield* Effect.forkChild(sink.close)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      assert.deepStrictEqual([sink.rows(), sink.committed()], [0, undefined])
    })
  )
})
