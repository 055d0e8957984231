import { assert, describe, it } from "@effect/vitest"
import type * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { explain } from "../../src/config/Explain.ts"
import { bytes, duration, groupName, httpUrl, port, whole } from "../../src/config/Parsed.ts"

const read = <A>(config: Config.Config<A>, X: string) =>
  config
    .parse(ConfigProvider.fromEnvRecord({ X }))
    .pipe(Effect.catchTag("ConfigError", (error) => Effect.succeed(explain(error, { X }))))

describe("Parsed", () => {
  it.effect("bytes are read with and without a unit, within their bounds", () =>
    Effect.gen(function* () {
      const config = bytes("X", { min: 1, max: 50_000_000 })
      for (const [text, size] of [
        ["20971520", 20_971_520],
        ["20 MB", 20_000_000],
        ["20MiB", 20_971_520],
        ["1.5 kB", 1_500],
        ["7 b", 7]
      ] as const) {
        assert.strictEqual(yield* read(config, text), size)
      }
      for (const text of ["x", "0", "-1", "1 XB", "1e3", "51 MB"]) {
        const line = `X=${text}: Expected a number of bytes from 1 to 50000000, such as 20000000, 20 MB or 20 MiB`
        assert.strictEqual(yield* read(config, text), line)
      }
    })
  )

  it.effect("whole numbers are read within their bounds", () =>
    Effect.gen(function* () {
      const config = whole("X", { min: 1, max: 9 })
      assert.strictEqual(yield* read(config, "9"), 9)
      for (const text of ["0", "10", "1.5", "x", "-1"]) {
        assert.strictEqual(yield* read(config, text), `X=${text}: Expected a whole number from 1 to 9`)
      }
    })
  )

  it.effect("durations have a unit, and are neither negative nor without end", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read(duration("X"), "5 millis"), Duration.millis(5))
      for (const text of ["5", "soon", "-5 millis", "Infinity"]) {
        assert.strictEqual(
          yield* read(duration("X"), text),
          `X=${text}: Expected a duration such as 5 millis, 30 seconds or 24 hours`
        )
      }
    })
  )

  it.effect("a port says what it may be, whatever it was", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* read(port("X"), "8000"), 8000)
      for (const text of ["0", "65536", "eight", "8000.5", "-1"]) {
        assert.strictEqual(yield* read(port("X"), text), `X=${text}: Expected a whole number from 1 to 65535`)
      }
    })
  )

  it.effect("a URL is of HTTP, and the name of a group has no blanks", () =>
    Effect.gen(function* () {
      const url = httpUrl("X", "http://host:1")
      assert.strictEqual(yield* read(url, "https://host/path"), "https://host/path")
      for (const text of ["nonsense", "host:8123", "ftp://host", "http://"]) {
        assert.strictEqual(yield* read(url, text), `X=${text}: Expected a URL such as http://host:1`)
      }
      assert.strictEqual(yield* read(groupName("X"), "team:readers-1"), "team:readers-1")
      for (const text of [" ", "a b", "é", "x".repeat(201)]) {
        assert.match(String(yield* read(groupName("X"), text)), /without blanks$/)
      }
    })
  )
})
