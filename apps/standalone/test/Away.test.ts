import { assert, describe, it } from "@effect/vitest"
import * as Port from "@tributary/embedded/process/Port"
import { Effect } from "effect"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { request, start } from "./support/Start.ts"

// Where other work keeps the machine busy, a start takes many seconds.
describe("an engine that is away at the start", { timeout: 180_000 }, () => {
  for (const [engine, setting, url] of [
    ["PostgreSQL", "DATABASE_URL", "postgres://me:hidden@127.0.0.1:%/x"],
    ["ClickHouse", "CLICKHOUSE_URL", "http://127.0.0.1:%"]
  ] as const) {
    it.live(`${engine} is waited for, which log and readiness tell, and Ctrl-C ends the wait with 0`, () =>
      Effect.gen(function* () {
        const port = String(yield* Port.take)
        const program = yield* start(yield* Folder.make, { [setting]: url.replace("%", port) })
        const reason = `connect ECONNREFUSED 127.0.0.1:${port}`
        yield* program.said(`${engine} is away: ${reason}`)
        const { status, text } = yield* request(`http://127.0.0.1:${program.port}/_readiness`)
        assert.strictEqual(status, 503)
        assert.include(text, JSON.stringify({ reason: "starting" }))
        assert.include(text, `{"engine":"${engine}","reason":"${reason}"`)
        const { code, errors, printed } = yield* program.kill("SIGINT")
        assert.deepStrictEqual([code, errors], [0, ""])
        assert.notInclude(printed, "hidden")
      })
    )
  }
})
