import { assert, describe, it } from "@effect/vitest"
import * as Away from "@tributary/pipeline/service/Away"
import { EventLogError } from "@tributary/pipeline/service/EventLog"
import * as Health from "@tributary/pipeline/service/Health"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"

const failures = {
  PostgreSQL: new StoreError({ store: "Progress", operation: "assigned", reason: "Unavailable", cause: "refused" }),
  "the log": new EventLogError({ operation: "end", cause: "closed" })
}

describe("Away", () => {
  for (const [engine, failure] of Object.entries(failures)) {
    it.effect(`waits for PostgreSQL and the log, and names ${engine} where that fails`, () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
        const answers: Array<Effect.Effect<string, StoreError | EventLogError>> = [
          Effect.fail(failure),
          Effect.fail(failure),
          Effect.succeed("done")
        ]
        const waiting = yield* Effect.forkChild(
          Away.postgres(Effect.suspend(() => answers.shift() ?? Effect.die("asked once more"))).pipe(
            Effect.provide(Layer.merge(Health.Health.layer, logger))
          )
        )
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* Fiber.join(waiting), "done")
        assert.deepStrictEqual(lines, [
          `${engine} is away: ${failure.operation}: ${failure.cause}`,
          `${engine} is back`
        ])
      })
    )
  }
})
