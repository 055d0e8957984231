/** Which engines are away, and which loops stand still (spec worker 6.1, 6.10). */
import { assert, describe, it } from "@effect/vitest"
import * as Health from "@tributary/pipeline/service/Health"
import { Clock, Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"

const withLines = () => {
  const lines: Array<string> = []
  return { lines, layer: Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]) }
}

const provided = <A, E>(self: Effect.Effect<A, E, Health.Health>) => Effect.provide(self, Health.Health.layer)

describe("health", () => {
  it.effect("knows since when an engine is away, and why now", () =>
    provided(
      Effect.gen(function* () {
        const health = yield* Health.Health
        yield* TestClock.setTime(1_000)
        yield* health.down("PostgreSQL", "refused")
        yield* TestClock.adjust("2 minutes")
        yield* health.down("PostgreSQL", "starting")
        yield* health.down("the log", "no broker")
        assert.deepStrictEqual(yield* health.troubles, [
          { engine: "PostgreSQL", reason: "starting", since: 1_000 },
          { engine: "the log", reason: "no broker", since: 121_000 }
        ])
        yield* health.up("PostgreSQL")
        yield* health.up("never away")
        assert.deepStrictEqual(
          (yield* health.troubles).map(({ engine }) => engine),
          ["the log"]
        )
      })
    )
  )

  it.effect("a loop stands still when its last step is older than 60 s", () =>
    provided(
      Effect.gen(function* () {
        const health = yield* Health.Health
        yield* health.beat("main")
        yield* TestClock.adjust("60 seconds")
        assert.deepStrictEqual(yield* health.stalled, [])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* health.stalled, ["main"])
      })
    )
  )

  it.effect("an engine that is away is tried again without end, at least every 12 s, with one line a minute", () =>
    Effect.gen(function* () {
      const { layer, lines } = withLines()
      let isAway = true
      const tries: Array<number> = []
      const attempt = Effect.clockWith((clock) => {
        tries.push(clock.currentTimeMillisUnsafe())
        return isAway ? Effect.fail("away") : Effect.succeed("done")
      })
      const fiber = yield* Effect.forkChild(
        provided(Health.untilBack<string>("an engine", (error) => error)(attempt)).pipe(Effect.provide(layer)),
        { startImmediately: true }
      )
      yield* TestClock.adjust("30 minutes")
      const gaps = tries.slice(1).map((at, n) => at - tries[n]!)
      assert.isAtMost(Math.max(...gaps), 12_000)
      assert.isAtLeast(Math.min(...gaps.slice(10)), 8_000)
      assert.isAtMost(gaps[0]!, 120)
      assert.isAtMost(lines.length, 30)
      assert.isAtLeast(lines.length, 25)
      isAway = false
      yield* TestClock.adjust("12 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "done")
      assert.strictEqual(lines.at(-1), "an engine is back")
    })
  )

  it.effect("an engine is away until it has answered each that it did not answer, with one line a minute", () =>
    Effect.gen(function* () {
      const { layer, lines } = withLines()
      yield* Effect.gen(function* () {
        const health = yield* Health.Health
        const down = new Set<string>()
        const tries = (name: string) =>
          Health.untilBack<string>(
            "an engine",
            (error) => error
          )(Effect.suspend(() => (down.has(name) ? Effect.fail(name) : Effect.succeed(name))))
        for (const [first, second] of [
          ["a", "b"],
          ["b", "a"]
        ] as const) {
          lines.length = 0
          const since = yield* Clock.currentTimeMillis
          for (const name of ["a", "b"]) down.add(name)
          const asking = new Map([
            ["a", yield* Effect.forkChild(tries("a"), { startImmediately: true })],
            ["b", yield* Effect.forkChild(tries("b"), { startImmediately: true })]
          ])
          yield* TestClock.adjust("10 minutes")
          assert.isAtLeast(lines.length, 8)
          assert.isAtMost(lines.length, 10)
          down.delete(first)
          yield* TestClock.adjust("12 seconds")
          assert.strictEqual(yield* Fiber.join(asking.get(first)!), first)
          // Somebody who finds it well knows nothing of the other's trouble.
          yield* tries(first)
          yield* TestClock.adjust("12 seconds")
          assert.deepStrictEqual(yield* health.troubles, [{ engine: "an engine", reason: second, since }])
          assert.notInclude(lines, "an engine is back")
          down.delete(second)
          yield* TestClock.adjust("12 seconds")
          assert.strictEqual(yield* Fiber.join(asking.get(second)!), second)
          assert.deepStrictEqual(yield* health.troubles, [])
          assert.isAtMost(lines.length, 12)
          assert.strictEqual(lines.filter((line) => line === "an engine is back").length, 1)
          yield* TestClock.adjust("1 minute")
        }
      }).pipe(provided, Effect.provide(layer))
    })
  )

  it.effect(
    "who gives up leaves no trouble behind, and says nothing of a return; the next goes on within the minute",
    () =>
      Effect.gen(function* () {
        const { layer, lines } = withLines()
        yield* Effect.gen(function* () {
          const health = yield* Health.Health
          for (let times = 0; times < 3; times++) {
            const asking = yield* Effect.forkChild(
              Health.untilBack<string>("an engine", (error) => error)(Effect.fail("away")),
              { startImmediately: true }
            )
            yield* TestClock.adjust("10 seconds")
            const [trouble] = yield* health.troubles
            assert.strictEqual(trouble?.since, times * 10_000)
            yield* Fiber.interrupt(asking)
            assert.deepStrictEqual(yield* health.troubles, [])
          }
        }).pipe(provided, Effect.provide(layer))
        assert.deepStrictEqual(lines, ["an engine is away: away"])
      })
  )

  it.effect("an engine that refuses, after it was away, is back", () =>
    Effect.gen(function* () {
      const { layer, lines } = withLines()
      const answers = ["away", "refused"]
      const asked = Health.retryWhileAway<string>(
        "an engine",
        (error) => error === "away",
        (error) => error
      )(Effect.suspend(() => Effect.fail(answers.shift() ?? "refused")))
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.flip(asked), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* Fiber.join(fiber), "refused")
        assert.deepStrictEqual(yield* Health.Health.use(({ troubles }) => troubles), [])
      }).pipe(provided, Effect.provide(layer))
      assert.deepStrictEqual(lines, ["an engine is away: away", "an engine is back"])
    })
  )

  it.effect("what is no absence passes at once", () =>
    provided(
      Effect.gen(function* () {
        const retry = Health.retryWhileAway<string>(
          "an engine",
          (error) => error === "away",
          (error) => error
        )
        assert.strictEqual(yield* Effect.flip(retry(Effect.fail("refused"))), "refused")
        assert.deepStrictEqual(yield* Health.Health.use(({ troubles }) => troubles), [])
      })
    )
  )
})
