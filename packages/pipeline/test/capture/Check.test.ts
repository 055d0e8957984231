import { assert, describe, it } from "@effect/vitest"
import * as Check from "@tributary/pipeline/capture/Check"
import * as UnknownTokens from "@tributary/pipeline/capture/UnknownTokens"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import { ProjectStore } from "@tributary/pipeline/service/ProjectStore"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"

/** A store whose cache is empty, and whose look-up does this. */
const store = (byTokens: ProjectStore["Service"]["byTokens"]) =>
  Layer.succeed(
    ProjectStore,
    ProjectStore.of({
      byTokens,
      peek: () => undefined,
      byIds: () => Effect.succeed(new Map()),
      markIngested: () => Effect.void
    })
  )

describe("known tokens (spec capture 3.1)", () => {
  it.effect("what the cache knows needs no look-up", () =>
    Effect.gen(function* () {
      const known = yield* Check.knownTokens
      assert.deepStrictEqual([known.peek("phc_a"), known.peek("phc_b")], ["known", "unknown"])
    }).pipe(Effect.provide(ProjectStoreMemory.layer([ProjectStoreMemory.project({ id: 1, apiToken: "phc_a" })])))
  )

  it.effect("what it does not know is looked up", () =>
    Effect.gen(function* () {
      const known = yield* Check.knownTokens
      assert.isUndefined(known.peek("phc_a"))
      assert.strictEqual(yield* known.lookUp("phc_a"), "unknown")
    }).pipe(Effect.provide(store(() => Effect.succeed(new Map()))))
  )

  it.effect("a look-up that fails counts as known", () =>
    Effect.gen(function* () {
      const known = yield* Check.knownTokens
      assert.strictEqual(yield* known.lookUp("phc_a"), "known")
    }).pipe(
      Effect.provide(
        store(() =>
          Effect.fail(
            new StoreError({ store: "ProjectStore", operation: "byTokens", reason: "Unavailable", cause: "away" })
          )
        )
      )
    )
  )

  it.effect("a look-up that takes over a second counts as known", () =>
    Effect.gen(function* () {
      const known = yield* Check.knownTokens
      const fiber = yield* Effect.forkChild(known.lookUp("phc_a"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "known")
    }).pipe(Effect.provide(store(() => Effect.never)))
  )
})

describe("unknown tokens", () => {
  it.effect("each is told of once in ten minutes, escaped", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.gen(function* () {
      const unknown = UnknownTokens.make()
      yield* unknown.tell("a\nb")
      yield* TestClock.adjust(599_999)
      yield* unknown.tell("a\nb")
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0] ?? "", String.raw`"a\nb"`)
      yield* TestClock.adjust(1)
      yield* unknown.tell("a\nb")
      assert.strictEqual(lines.length, 2)
    }).pipe(Effect.provide(Logger.layer([logger])))
  })
})
