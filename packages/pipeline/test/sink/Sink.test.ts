import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema } from "effect"
import * as Spans from "../support/Spans.ts"
import { type Life, live, makeWorld, progressRow, type World } from "./support.ts"

const metric = (name: string, count: number | string = 1) =>
  `{"team_id":1,"timestamp":"2026-11-25 10:00:00.000","metric_name":"${name}","count":${count}}`

/** Two partitions with rows, messages without a value, one that is no JSON and one that the table refuses. */
const messages = (): ReadonlyArray<ReadonlyArray<string | null>> => [
  [metric("a0"), null, metric("a2"), "garbage", metric("a4")],
  [metric("b0"), metric("b1", 1.5), metric("b2"), ""]
]
const names = ["a0", "a2", "a4", "b0", "b2"]

const metricsOf = (world: World) => (world.clickhouse.rows.get("app_metrics2") ?? []).map((row) => row["metric_name"])
const errorsOf = (world: World) =>
  new Set((world.clickhouse.rows.get("kafka_errors") ?? []).map((row) => `${row["partition"]}:${row["offset"]}`))

const expectExactlyOnce = (world: World, what: string) => {
  assert.deepStrictEqual(metricsOf(world).toSorted(), names, what)
  assert.deepStrictEqual([...errorsOf(world)].toSorted(), ["0:3", "1:1"], what)
  assert.deepStrictEqual(
    world.committed,
    new Map([
      [0, 5n],
      [1, 4n]
    ]),
    what
  )
}

const died = Effect.die("the process was killed")
/** Dies when the given step has taken effect, which is before the next one begins. */
const dying = (cuts: ReadonlyArray<number>, at: number): Life => ({
  cuts,
  after: (step) => (step === at ? died : Effect.void)
})

describe("a table in which a row counts twice", () => {
  it.effect("gets each message once, and what it refuses goes to kafka_errors", () =>
    Effect.gen(function* () {
      const world = makeWorld("app_metrics2", messages())
      yield* live(world, { cuts: [3] })
      expectExactlyOnce(world, "undisturbed")
    })
  )

  it.effect("is told of as one span a block", () =>
    Effect.gen(function* () {
      const spans = Spans.collect()
      const world = makeWorld("app_metrics2", [[metric("a0"), metric("a1"), metric("a2")]])
      yield* live(world, { cuts: [2] }).pipe(spans.traced)
      const block = "Consumer.batch > Sink.store"
      assert.deepStrictEqual(spans.attributes(block), [
        { table: "app_metrics2", messages: 2 },
        { table: "app_metrics2", messages: 1 }
      ])
      assert.include(spans.paths(), "Consumer.batch > Consumer.commit")
    })
  )

  it.effect(
    "gets each message once, whichever two steps the sink dies at, however the batches are cut afterwards",
    () =>
      Effect.gen(function* () {
        const steps = yield* live(makeWorld("app_metrics2", messages()), { cuts: [3] })
        for (let first = 1; first <= steps; first++) {
          for (let second = 1; second <= steps; second++) {
            const world = makeWorld("app_metrics2", messages())
            yield* live(world, dying([3], first))
            yield* live(world, dying([2, 5], second))
            yield* live(world, { cuts: [4, 1] })
            expectExactlyOnce(world, `died after step ${first}, then after step ${second}`)
          }
        }
      })
  )

  it.effect("gets each message once when a sink is held up at any step while another one takes over", () =>
    Effect.gen(function* () {
      const steps = yield* live(makeWorld("app_metrics2", messages()), { cuts: [3] })
      for (let at = 1; at <= steps; at++) {
        const world = makeWorld("app_metrics2", messages())
        const held = yield* Deferred.make<void>()
        const reached = yield* Deferred.make<void>()
        const pause = Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(held))
        const late = yield* Effect.forkChild(
          live(world, { cuts: [3], after: (step) => (step === at ? pause : Effect.void) })
        )
        yield* Deferred.await(reached)
        yield* live(world, { cuts: [2, 4] })
        yield* Deferred.succeed(held, undefined)
        yield* Fiber.join(late)
        expectExactlyOnce(world, `held up after step ${at}`)
      }
    })
  )

  const Cuts = Schema.NonEmptyArray(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })))
  const Death = Schema.Struct({ step: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })), cuts: Cuts })
  it.effect.prop(
    "gets each message once over any number of deaths",
    { deaths: Schema.Array(Death), cuts: Cuts },
    ({ deaths, cuts }) =>
      Effect.gen(function* () {
        const world = makeWorld("app_metrics2", messages())
        for (const death of deaths) yield* live(world, dying(death.cuts, death.step))
        yield* live(world, { cuts })
        expectExactlyOnce(world, "after the last life")
      })
  )

  it.effect("begins anew when the topic was made anew, and counts what it holds then", () =>
    Effect.gen(function* () {
      const world = makeWorld("app_metrics2", [[metric("old 0"), metric("old 1"), metric("old 2")]])
      yield* live(world, { cuts: [2] })
      const anew = makeWorld("app_metrics2", [[metric("new 0"), metric("new 1")]])
      anew.topic.id = "topic-2"
      const after: World = { ...anew, progress: world.progress, clickhouse: world.clickhouse }
      yield* live(after, { cuts: [2] })
      assert.deepStrictEqual(metricsOf(after), ["old 0", "old 1", "old 2", "new 0", "new 1"])
    })
  )

  it.effect("takes up what a log holds that was cut inside a range begun", () =>
    Effect.gen(function* () {
      const world = makeWorld("app_metrics2", [[metric("0"), metric("1"), metric("2"), metric("3")]])
      // Dies when the bounds 0–4 are stored and nothing is inserted.
      yield* live(world, dying([4], 2))
      assert.strictEqual(progressRow(world, 0)?.pendingEnd, undefined)
      yield* live(world, dying([4], 3))
      assert.strictEqual(progressRow(world, 0)?.pendingEnd, 4n)
      world.topic.partitions[0]?.splice(2)
      yield* live(world, { cuts: [4] })
      assert.deepStrictEqual(metricsOf(world), ["0", "1"])
    })
  )
})

describe("a table in which copies of a row collapse", () => {
  const mapping = (id: string) => `{"team_id":1,"distinct_id":"${id}","version":0}`

  it.effect("gets each message once or more, without any bounds, whichever step the sink dies at", () =>
    Effect.gen(function* () {
      const all = () => [
        [mapping("a"), mapping("b"), mapping("c")],
        [mapping("d"), mapping("e")]
      ]
      const steps = yield* live(makeWorld("person_distinct_id2", all()), { cuts: [2] })
      for (let at = 1; at <= steps; at++) {
        const world = makeWorld("person_distinct_id2", all())
        yield* live(world, dying([2], at))
        yield* live(world, { cuts: [3, 1] })
        const rows = world.clickhouse.rows.get("person_distinct_id2") ?? []
        const places = new Set(rows.map((row) => `${row["_partition"]}:${row["_offset"]}:${row["distinct_id"]}`))
        assert.deepStrictEqual([...places].toSorted(), ["0:0:a", "0:1:b", "0:2:c", "1:0:d", "1:1:e"])
        assert.strictEqual(world.progress.rows.size, 0)
      }
    })
  )

  it.effect("puts several partitions into one insert", () =>
    Effect.gen(function* () {
      const world = makeWorld("person_distinct_id2", [[mapping("a")], [mapping("b")], [mapping("c")]])
      yield* live(world, { cuts: [10] })
      assert.strictEqual(world.clickhouse.tokens.get("person_distinct_id2")?.size, 1)
    })
  )
})
