/** Every setting is read by a program or told of, never passed over without a word. */
import { assert, describe, it } from "@effect/vitest"
import * as Ignored from "@tributary/runtime-node/config/Ignored"
import { Effect } from "effect"
import { all, namesOf } from "./support/Settings.ts"

/** What the programs read, all of them together. */
const names = Effect.map(
  Effect.forEach(Object.values<(typeof all)[keyof typeof all]>(all), (settings) => namesOf<unknown>(settings)),
  (read) => new Set(read.flatMap((names) => [...names]))
)

describe("the settings of the programs", () => {
  it.effect("none that is read is told of as if it were not, and what PostHog's families leave to us is read", () =>
    Effect.gen(function* () {
      const read = yield* names
      for (const name of ["KAFKA_TLS", "POSTGRES_PORT", "CLICKHOUSE_WRITE_PORT", "KAFKA_SASL_PASSWORD_FILE"]) {
        assert.include(read, name)
      }
      assert.deepStrictEqual(
        [...read].filter((name) => Ignored.kindOf(name) !== undefined),
        []
      )
      assert.deepStrictEqual(
        [...Ignored.ours].filter((name) => !read.has(name)),
        []
      )
    })
  )
})
