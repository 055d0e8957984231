import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, References } from "effect"
import { EmbeddedEngine } from "../../src/engine/EmbeddedEngine.ts"
import { clientOf, options, rows } from "./support.ts"

const start = (more?: Parameters<typeof options>[0]) =>
  Effect.map(Layer.build(EmbeddedEngine.layer(options(more))), Context.get(EmbeddedEngine))

describe("the engine that is kept running", () => {
  it.live("serves again where it served, with every row, after it was killed", () =>
    Effect.gen(function* () {
      const engine = yield* start()
      const client = yield* clientOf(engine.url)
      const command = (query: string) => Effect.tryPromise(() => client.command({ query }))
      yield* command("CREATE TABLE tributary.t (a UInt8) ENGINE = MergeTree ORDER BY a")
      for (const n of [1, 2]) {
        const pid = yield* engine.pid
        // A connection that the killed program left behind may still have to be found out.
        yield* command(`INSERT INTO tributary.t VALUES (${n})`).pipe(Effect.eventually)
        process.kill(pid, "SIGKILL")
        yield* engine.pid.pipe(Effect.delay("5 millis"), Effect.repeat({ until: (next) => next !== pid }))
      }
      const reader = yield* clientOf(engine.readUrl)
      assert.deepStrictEqual(yield* rows(reader, "SELECT DISTINCT a FROM tributary.t ORDER BY a"), [{ a: 1 }, { a: 2 }])
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live("is lost at once where it cannot start", () =>
    Effect.gen(function* () {
      const first = yield* start()
      const httpPort = Number(new URL(first.readUrl).port)
      const { message } = yield* Effect.flip(start({ httpPort }))
      assert.match(message, /^the ClickHouse engine's program ended \(1\) before it was ready/)
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
