import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { explain } from "../../src/config/Explain.ts"
import { address, health } from "../../src/config/Listen.ts"

describe("Listen", () => {
  it.effect("health is on the host of the program, and asks for no port but its own", () =>
    Effect.gen(function* () {
      const read = (environment: Record<string, string>) =>
        health({ host: "0.0.0.0" }).parse(ConfigProvider.fromEnvRecord(environment))
      assert.deepStrictEqual(yield* read({}), { host: "0.0.0.0", port: 8001 })
      assert.deepStrictEqual(yield* read({ HOST: "::1", PORT: "not a port" }), { host: "::1", port: 8001 })
      assert.deepStrictEqual(yield* read({ ADDRESS: "10.0.0.1:3000", HTTP_SERVER_PORT: "3001" }), {
        host: "10.0.0.1",
        port: 3001
      })
    })
  )

  it.effect("an address without a port is none", () =>
    Effect.gen(function* () {
      for (const ADDRESS of ["8000", "localhost", "::1:8000", "a:70000"]) {
        const error = yield* Effect.flip(address("0.0.0.0").parse(ConfigProvider.fromEnvRecord({ ADDRESS })))
        assert.include(explain(error, { ADDRESS }), `ADDRESS=${ADDRESS}: Expected an address and a port`)
      }
    })
  )
})
