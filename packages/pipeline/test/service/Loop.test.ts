/** Loops that end with their scope, after the step in hand. */
import { assert, it } from "@effect/vitest"
import * as Loop from "@tributary/pipeline/service/Loop"
import { Effect, Exit, Fiber, Queue, Scope } from "effect"
import { TestClock } from "effect/testing"

/** Closes the scope in the background. */
const closing = (scope: Scope.Closeable) => Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })

it.effect("takes step after step, and waiting ends at once when its scope closes", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const queue = yield* Queue.unbounded<number>()
    const done: Array<number | undefined> = []
    yield* Loop.run("18 seconds", (loop) => Effect.map(loop.orStop(Queue.take(queue)), (n) => void done.push(n))).pipe(
      Scope.provide(scope)
    )
    yield* Queue.offerAll(queue, [1, 2])
    yield* TestClock.adjust("1 milli")
    yield* Scope.close(scope, Exit.void)
    yield* Queue.offer(queue, 3)
    assert.deepStrictEqual(done, [1, 2, undefined])
  })
)

it.effect("finishes the step in hand, and begins no other", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const done: Array<string> = []
    yield* Loop.run("18 seconds", (loop) =>
      Effect.gen(function* () {
        done.push("begun")
        yield* Effect.sleep("10 seconds")
        // Asked again inside the step, the loop says that it is stopping.
        done.push(loop.isStopping() ? "stopping" : "finished")
        done.push(String(yield* loop.orStop(Effect.succeed("work"))))
      })
    ).pipe(Scope.provide(scope))
    yield* TestClock.adjust("15 seconds")
    const close = yield* closing(scope)
    yield* TestClock.adjust("4 seconds")
    assert.isUndefined(close.pollUnsafe())
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(close)
    assert.deepStrictEqual(done, ["begun", "finished", "work", "begun", "stopping", "undefined"])
  })
)

it.effect("interrupts a step that takes longer than the drain", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    let wasInterrupted = false
    yield* Loop.run("18 seconds", () =>
      Effect.onInterrupt(Effect.sleep("1 hour"), () =>
        Effect.sync(() => {
          wasInterrupted = true
        })
      )
    ).pipe(Scope.provide(scope))
    yield* TestClock.adjust("1 second")
    const close = yield* closing(scope)
    yield* TestClock.adjust("17 seconds")
    assert.isFalse(wasInterrupted)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(close)
    assert.isTrue(wasInterrupted)
  })
)

it.effect("an endless drain of a loop that has died is none", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const fiber = yield* Loop.run("1 hour", () => Effect.die(new Error("a bug"))).pipe(Scope.provide(scope))
    assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
    yield* Scope.close(scope, Exit.void)
  })
)

it.effect("loops of one program stop at the same moment, and drain side by side", () =>
  Effect.gen(function* () {
    const begun: Array<string> = []
    const running = yield* Effect.forkChild(
      Loop.together(
        Effect.gen(function* () {
          for (const [name, takes] of [
            ["a", "3 seconds"],
            ["b", "2 seconds"],
            ["c", "4 seconds"]
          ] as const) {
            yield* Loop.run("18 seconds", () => {
              begun.push(name)
              return Effect.sleep(takes)
            })
          }
          return yield* Effect.never
        })
      ),
      { startImmediately: true }
    )
    yield* TestClock.adjust("1 second")
    assert.deepStrictEqual(begun, ["a", "b", "c"])
    const end = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
    yield* TestClock.adjust("2999 millis")
    assert.isUndefined(end.pollUnsafe())
    yield* TestClock.adjust("1 milli")
    yield* Fiber.join(end)
    assert.deepStrictEqual(begun, ["a", "b", "c"])
  })
)
