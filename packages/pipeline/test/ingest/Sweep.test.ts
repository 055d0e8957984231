/** What crashes leave in the outbox reaches the log (spec worker 2.7, guides postgres 7). */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Sweep from "@tributary/pipeline/ingest/Sweep"
import * as PersonTables from "@tributary/pipeline/service/memory/PersonTables"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as World from "../support/IngestWorld.ts"

const start = (world: World.World) => Effect.forkDetach(world.provided(Sweep.run), { startImmediately: true })

const leave = (world: World.World, value: string, now: number, topic: string = Topics.clickhousePerson) =>
  PersonTables.post(world.tables, [{ topic, key: "k", value }], now)

const published = (world: World.World) =>
  world.recordsOf(Topics.clickhousePerson).map(({ key, value }) => [World.textOf(key), World.textOf(value)])

describe("the sweep", () => {
  it.effect("publishes at the start whatever is there, then every minute what is older than 30 s", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      leave(world, "old", 0)
      const fiber = yield* start(world)
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(published(world), [["k", "old"]])
      leave(world, "first", 5_000)
      leave(world, "second", 50_000)
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(published(world).length, 1)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(published(world).slice(1), [["k", "first"]])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(published(world).slice(2), [["k", "second"]])
      assert.strictEqual(world.tables.outbox.size, 0)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("marks what the log refuses, which an alarm counts, and does not try it again", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.log.faults.refuse = ({ value }) => (value === "bad" ? "no" : undefined)
      leave(world, "bad", 0)
      leave(world, "good", 0)
      const fiber = yield* start(world)
      yield* TestClock.adjust("5 minutes")
      world.log.faults.refuse = () => undefined
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(published(world), [["k", "good"]])
      assert.deepStrictEqual(
        [...world.tables.outbox.values()].map(({ isRefused, value }) => [value, isRefused]),
        [["bad", true]]
      )
      assert.strictEqual((yield* world.counts).get("outbox_refused_total"), 1)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("waits for an engine that is away, and loses nothing", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      leave(world, "row", 0)
      world.gate.isAway.log = true
      const fiber = yield* start(world)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual([published(world), world.tables.outbox.size], [[], 1])
      world.gate.isAway.log = false
      yield* TestClock.adjust("13 seconds")
      assert.deepStrictEqual(published(world), [["k", "row"]])
      yield* Fiber.interrupt(fiber)
    })
  )
})
