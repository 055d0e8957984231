import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Effect } from "effect"
import { explain } from "../../src/config/Explain.ts"
import { postgresUrl, whole } from "../../src/config/Parsed.ts"

/** What is said of a setting that cannot be read from this environment. */
const line = <A>(config: Config.Config<A>, environment: Record<string, string>) =>
  Effect.map(Effect.flip(config.parse(ConfigProvider.fromEnvRecord(environment))), (error) =>
    explain(error, environment)
  )

describe("Explain", () => {
  it.effect("names the setting, what it was and what it may be", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* line(whole("X", { min: 1, max: 9 }), { X: "10" }),
        "X=10: Expected a whole number from 1 to 9"
      )
    })
  )

  it.effect("an empty setting is not set", () =>
    Effect.gen(function* () {
      for (const environment of [{}, { X: "" }]) {
        assert.strictEqual(yield* line(Config.String("X"), environment), "X is not set")
      }
    })
  )

  it.effect("shows no secret", () =>
    Effect.gen(function* () {
      const shown = yield* line(postgresUrl("PERSONS_DATABASE_URL"), { PERSONS_DATABASE_URL: "me:hidden@db" })
      assert.match(shown, /^PERSONS_DATABASE_URL=…: Expected a URL such as postgres:/)
    })
  )
})
