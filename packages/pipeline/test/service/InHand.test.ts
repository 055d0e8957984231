/** Work that must not be left is counted until it ends; what is interrupted, for good. */
import { assert, it } from "@effect/vitest"
import * as InHand from "@tributary/pipeline/service/InHand"
import { Effect, Fiber } from "effect"

it.effect("what runs and what was interrupted is in hand; what ended, well or not, is not", () =>
  Effect.gen(function* () {
    const inHand = InHand.make()
    assert.strictEqual(inHand.left(), "")
    yield* Effect.gen(function* () {
      const batch = InHand.during("batch")
      yield* batch(Effect.void)
      yield* Effect.exit(batch(Effect.fail("refused")))
      yield* Effect.exit(batch(Effect.die("a bug")))
      assert.strictEqual(inHand.left(), "")
      const [first, second] = yield* Effect.all([1, 2].map(() => Effect.forkChild(batch(Effect.never))))
      yield* Effect.yieldNow
      assert.strictEqual(inHand.left(), "2 batches")
      inHand.add("request", 1)
      yield* Fiber.interruptAll([first!, second!])
      assert.strictEqual(inHand.left(), "2 batches, 1 request")
    }).pipe(Effect.provideService(InHand.InHand, inHand))
  })
)
