import { assert, describe, it } from "@effect/vitest"
import { isIgnored } from "@tributary/runtime-node/config/Ignored"
import { ConfigProvider, Effect } from "effect"
import { settings } from "../src/Config.ts"

describe("settings", () => {
  it.effect("none that is read is said to be ignored", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const nothing = ConfigProvider.make((path) => Effect.sync(() => void asked.push(path.join("_"))))
      yield* settings.parse(nothing)
      assert.include(asked, "POSTGRES_PORT")
      assert.deepStrictEqual(asked.filter(isIgnored), [])
    })
  )
})
