/** `npm start` in a process of its own, on free ports and a folder that goes with the scope. */
import { createServer } from "node:net"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { token } from "../Events.ts"
import * as Child from "../process/Child.ts"
import * as World from "../World.ts"

export class StandaloneError extends Data.TaggedError("StandaloneError")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

const freePort = Effect.callback<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(address === null || typeof address === "string" ? 0 : address.port)))
  })
})

const main = new URL("../../../apps/standalone/src/main.ts", import.meta.url)

const isReady = (port: number): Effect.Effect<boolean> =>
  Effect.promise(async () => {
    try {
      return (await fetch(`http://127.0.0.1:${port}/_readiness`)).ok
    } catch {
      return false
    }
  })

export const start = Effect.gen(function* () {
  const [port, postgresPort, clickhousePort] = yield* Effect.all([freePort, freePort, freePort])
  const child = yield* Child.start<Child.NoQuestions, undefined>(main, {
    isForeign: true,
    environment: {
      DATA_DIR: yield* World.folder,
      PORT: String(port),
      POSTGRES_PORT: String(postgresPort),
      CLICKHOUSE_HTTP_PORT: String(clickhousePort),
      PROJECT_TOKEN: token,
      LOG_LEVEL: "warn"
    }
  })
  for (let tries = 0; !(yield* isReady(port)); tries++) {
    // Whether it lives: asking fails when it has ended.
    yield* child.ask("cpu")
    if (tries > 600)
      return yield* new StandaloneError({ reason: "the standalone program was not ready within a minute" })
    yield* Effect.sleep("100 millis")
  }
  const query = (sql: string): Effect.Effect<string, StandaloneError> =>
    Effect.tryPromise({
      try: async () => {
        const reply = await fetch(`http://127.0.0.1:${clickhousePort}/`, { method: "POST", body: sql })
        const text = await reply.text()
        if (!reply.ok) throw new Error(text)
        return text
      },
      catch: (cause) => new StandaloneError({ reason: `ClickHouse: ${String(cause)}` })
    })
  return { child, port, query }
})
