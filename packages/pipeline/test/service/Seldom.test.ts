import { assert, describe, it } from "@effect/vitest"
import * as Seldom from "@tributary/pipeline/service/Seldom"
import { Effect, References } from "effect"
import { TestClock } from "effect/testing"

/** What was told, by key, with the number of those left out. */
const telling = () => {
  const told: Array<string> = []
  const line = (key: string) =>
    Effect.map(References.CurrentLogAnnotations, ({ leftOut }) => void told.push(`${key} ${leftOut ?? 0}`))
  return { told, line }
}

describe("lines that anything may cause", () => {
  it.effect("come once a minute for each key, with how many were left out since", () =>
    Effect.gen(function* () {
      const { told, line } = telling()
      const { tell } = Seldom.make()
      for (const key of ["a", "a", "b", "a"]) yield* tell(key, line(key))
      assert.deepStrictEqual(told, ["a 0", "b 0"])
      yield* TestClock.adjust("59 seconds")
      yield* tell("a", line("a"))
      assert.strictEqual(told.length, 2)
      yield* TestClock.adjust("1 second")
      for (const key of ["a", "b"]) yield* tell(key, line(key))
      assert.deepStrictEqual(told.slice(2), ["a 3", "b 0"])
    })
  )

  it.effect("are not more than a thousand a minute, whatever the keys", () =>
    Effect.gen(function* () {
      const { told, line } = telling()
      const { tell } = Seldom.make()
      const keys = Array.from({ length: 2_000 }, (_, i) => `k${i}`)
      for (const key of keys) yield* tell(key, line(key))
      assert.strictEqual(told.length, 1_000)
      yield* TestClock.adjust("1 minute")
      for (const key of keys.toReversed()) yield* tell(key, line(key))
      assert.strictEqual(told.length, 2_000)
      assert.strictEqual(told[1_000], "k1999 0")
    })
  )

  it.effect("all come where nobody counts them", () =>
    Effect.gen(function* () {
      const { told, line } = telling()
      for (const key of ["a", "a"]) yield* Seldom.tell(key, line(key))
      assert.deepStrictEqual(told, ["a 0", "a 0"])
    })
  )
})
