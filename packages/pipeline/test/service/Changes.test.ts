import { assert, describe, it } from "@effect/vitest"
import * as Changes from "@tributary/pipeline/service/Changes"
import { Effect, Fiber } from "effect"

describe("Changes", () => {
  it.effect("wakes everyone who waits, once", () =>
    Effect.gen(function* () {
      const changes = Changes.make()
      const seen = changes.count()
      const waiting = yield* Effect.forEach([1, 2], () =>
        Effect.forkChild(changes.after(seen), { startImmediately: true })
      )
      changes.happened()
      yield* Effect.forEach(waiting, Fiber.join)
      const later = yield* Effect.forkChild(changes.after(changes.count()), { startImmediately: true })
      assert.isUndefined(later.pollUnsafe())
    })
  )

  it.effect("does not miss what happens between a look and the waiting", () =>
    Effect.gen(function* () {
      const changes = Changes.make()
      const seen = changes.count()
      changes.happened()
      yield* changes.after(seen)
    })
  )
})
