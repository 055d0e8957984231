/**
 * The whole system on Kafka, as it runs in production: capture and worker as programs of their own, on the bench's PostgreSQL
 * and broker; the `engine` program stands for ClickHouse, which reads Kafka by itself.
 */
import { randomBytes } from "node:crypto"
import * as EmbeddedEngine from "@tributary/embedded/engine/EmbeddedEngine"
import * as Port from "@tributary/embedded/process/Port"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as World from "../World.ts"
import { program, queryAt, type System } from "./Standalone.ts"

const mainOf = (app: "capture" | "worker") => new URL(`../../../apps/${app}/src/main.ts`, import.meta.url)

export const start = Effect.gen(function* () {
  const { environment, url } = yield* World.World
  const engine = yield* EmbeddedEngine.make({
    dataDir: yield* World.folder,
    httpPort: 0,
    password: Redacted.make(randomBytes(16).toString("hex"))
  })
  const writes = new URL(Redacted.value(engine.url))
  const common = {
    ...environment,
    DATABASE_URL: url,
    CLICKHOUSE_URL: writes.origin,
    CLICKHOUSE_USER: decodeURIComponent(writes.username),
    CLICKHOUSE_PASSWORD: decodeURIComponent(writes.password),
    HOST: "127.0.0.1",
    LOG_LEVEL: "warn"
  }
  const [port, captureHealth, workerHealth] = yield* Effect.all([Port.take, Port.take, Port.take])
  const worker = yield* program(mainOf("worker"), workerHealth, { ...common, HEALTH_PORT: String(workerHealth) })
  const capture = yield* program(mainOf("capture"), captureHealth, {
    ...common,
    PORT: String(port),
    HEALTH_PORT: String(captureHealth)
  })
  return { children: [capture, worker], port, query: queryAt(`${engine.readUrl}/`) } satisfies System
})
