/** `npm run stack`'s program as a process of its own, on free ports, and what is below it. */
import { readdirSync, readFileSync } from "node:fs"
import * as Port from "@tributary/embedded/process/Port"
import { Effect } from "effect"
import { type Running, run } from "../../../standalone/test/support/Run.ts"

export interface Started extends Running {
  readonly port: number
  readonly clickhousePort: number
  readonly healthPort: number
  /** All that it printed once it was ready; fails the test when it ends before. */
  readonly greeting: Effect.Effect<string>
}

/** Killed with the scope, if it is still there. */
export const start = (dataDir: string, settings: Readonly<Record<string, string>> = {}, workers = "1") =>
  Effect.gen(function* () {
    const [port, postgresPort, clickhousePort, kafkaPort] = yield* Effect.all([
      Port.take,
      Port.take,
      Port.take,
      Port.take
    ])
    const healthPort = yield* Port.takeRow(3)
    const environment = {
      DATA_DIR: dataDir,
      PORT: String(port),
      POSTGRES_PORT: String(postgresPort),
      CLICKHOUSE_HTTP_PORT: String(clickhousePort),
      KAFKA_PORT: String(kafkaPort),
      HEALTH_PORT: String(healthPort),
      ...settings
    }
    const running = yield* run({ app: "stack", args: ["--workers", workers], environment })
    return {
      ...{ port, clickhousePort, healthPort },
      ...running,
      greeting: running.said("Ctrl-C drains and stops.")
    } satisfies Started
  })

/** Command lines of the processes that were started with this in their environment, by whomever. */
export const processesWith = (assignment: string): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(assignment))
    .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " "))
    // What has ended, and was not yet waited for, has none.
    .filter((command) => command !== "")

export const processesOf = (dataDir: string): ReadonlyArray<string> => processesWith(`DATA_DIR=${dataDir}`)

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
