/** The whole system in processes of their own: `npm start`, on free ports and a folder that goes with the scope. */
import * as Port from "@tributary/embedded/process/Port"
import * as Ready from "@tributary/embedded/process/Ready"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { token } from "../Events.ts"
import * as Child from "../process/Child.ts"
import * as World from "../World.ts"

export class SystemError extends Data.TaggedError("SystemError")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

type Process = Child.Child<Child.NoQuestions, undefined>

export interface System {
  /** Processes whose processor time counts; the first one is profiled. */
  readonly children: readonly [Process, ...ReadonlyArray<Process>]
  /** Where capture listens. */
  readonly port: number
  readonly query: (sql: string) => Effect.Effect<string, SystemError>
}

const main = new URL("../../../apps/standalone/src/main.ts", import.meta.url)

/** Starts a program, and waits until its readiness says yes. */
export const program = Effect.fnUntraced(function* (
  file: URL,
  readinessPort: number,
  environment: Readonly<Record<string, string>>
) {
  const child = yield* Child.start<Child.NoQuestions, undefined>(file, { isForeign: true, environment })
  for (let tries = 0; !(yield* Ready.isOk(`http://127.0.0.1:${readinessPort}/_readiness`)); tries++) {
    // Whether it lives: asking fails when it has ended.
    yield* child.ask("cpu")
    if (tries > 600) return yield* new SystemError({ reason: "a program was not ready within a minute" })
    yield* Effect.sleep("100 millis")
  }
  return child
})

/** Asks ClickHouse, at the address of its front. */
export const queryAt =
  (url: string) =>
  (sql: string): Effect.Effect<string, SystemError> =>
    Effect.tryPromise({
      try: async () => {
        const reply = await fetch(url, { method: "POST", body: sql })
        const text = await reply.text()
        if (!reply.ok) throw new Error(text)
        return text
      },
      catch: (cause) => new SystemError({ reason: `ClickHouse: ${String(cause)}` })
    })

export const start = Effect.gen(function* () {
  const [port, postgresPort, clickhousePort] = yield* Effect.all([Port.take, Port.take, Port.take])
  const child = yield* program(main, port, {
    DATA_DIR: yield* World.folder,
    PORT: String(port),
    POSTGRES_PORT: String(postgresPort),
    CLICKHOUSE_HTTP_PORT: String(clickhousePort),
    PROJECT_TOKEN: token,
    LOG_LEVEL: "warn"
  })
  return { children: [child], port, query: queryAt(`http://127.0.0.1:${clickhousePort}/`) } satisfies System
})
