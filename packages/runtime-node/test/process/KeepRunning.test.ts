/** What is kept running: pauses between two ends, and when it is given up. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, References } from "effect"
import { TestClock } from "effect/testing"
import { keepRunning } from "../../src/process/KeepRunning.ts"

interface Failure {
  readonly message: string
}

/** Keeps it running in the background, silently. `starts`: when it was started, in seconds. */
const keeping = (run: (ready: Effect.Effect<void>, start: number) => Effect.Effect<string, Failure>) =>
  Effect.gen(function* () {
    const starts: Array<number> = []
    const once = (ready: Effect.Effect<void>) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => run(ready, starts.push(now / 1000)))
    const fiber = yield* Effect.forkChild(
      Effect.flip(keepRunning("it", once)).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
      {
        startImmediately: true
      }
    )
    return { starts, fiber }
  })

describe("what is kept running", () => {
  it.effect("is started again after 0, 1, 2, 4 … 30 s, though it was ready each time", () =>
    Effect.gen(function* () {
      const { starts } = yield* keeping((ready) => Effect.as(ready, "exit code 1"))
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(starts, [0, 0, 1, 3, 7, 15, 31, 61, 91])
    })
  )

  it.effect("is started at once again after a quiet minute", () =>
    Effect.gen(function* () {
      const { starts } = yield* keeping((ready, start) =>
        Effect.as(start === 3 ? Effect.andThen(ready, Effect.sleep("61 seconds")) : ready, "exit code 1")
      )
      yield* TestClock.adjust("63 seconds")
      assert.deepStrictEqual(starts, [0, 0, 1, 62, 63])
    })
  )

  it.effect("is given up when its first start fails", () =>
    Effect.gen(function* () {
      const { fiber, starts } = yield* keeping(() => Effect.fail({ message: "a setting is wrong" }))
      assert.strictEqual((yield* Fiber.join(fiber)).message, "a setting is wrong")
      assert.deepStrictEqual(starts, [0])
    })
  )

  it.effect("is given up when three starts in a row fail", () =>
    Effect.gen(function* () {
      const { fiber, starts } = yield* keeping((ready, start) =>
        start === 1 || start === 3 ? Effect.as(ready, "exit code 1") : Effect.fail({ message: `start ${start}` })
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).message, "start 6")
      assert.strictEqual(starts.length, 6)
    })
  )
})
