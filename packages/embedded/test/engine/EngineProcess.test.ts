import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import { Effect } from "effect"
import * as EngineProcess from "../../src/engine/EngineProcess.ts"
import { folder } from "../clickhouse/support.ts"
import { clientOf, http, options, restartable, rows } from "./support.ts"

const raws = (program: EngineProcess.EngineProcess) =>
  Effect.flatMap(clientOf(program.url), (client) => rows(client, "SELECT raw FROM tributary.kafka_errors ORDER BY raw"))

const store = (program: EngineProcess.EngineProcess, raw: string) =>
  Effect.flatMap(clientOf(program.url), (client) =>
    Effect.promise(() =>
      client.insert({ table: "tributary.kafka_errors", values: [{ offset: raw, raw }], format: "JSONEachRow" })
    )
  )

/** Runs the program as an operator would, until it ends. */
const runToEnd = (environment: Readonly<Record<string, string>>) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [EngineProcess.program], {
      env: { PATH: process.env["PATH"], ...environment },
      stdio: ["ignore", "ignore", "pipe"]
    })
    let errors = ""
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
    const [code] = await once(child, "close")
    return { code, lines: errors.trim().split("\n") }
  })

describe("the engine program as a process", () => {
  it.live("opens again with every row after it was killed, on the same ports", () =>
    Effect.gen(function* () {
      const chosen = yield* restartable
      const first = yield* EngineProcess.start(chosen)
      yield* Effect.provide(ClickHouseHttp.migrate({ database: "tributary" }), http(first))
      yield* store(first, "1")
      first.kill("SIGKILL")
      assert.strictEqual(yield* first.ended, "SIGKILL")
      const second = yield* EngineProcess.start(chosen)
      assert.deepStrictEqual(second.addresses, first.addresses)
      yield* store(second, "2")
      assert.deepStrictEqual(yield* raws(second), [{ raw: "1" }, { raw: "2" }])
    }).pipe(Effect.scoped)
  )

  it.live("ends with 0 when it is asked to, and finishes the insert in hand", () =>
    Effect.gen(function* () {
      const chosen = options()
      const first = yield* EngineProcess.start(chosen)
      yield* Effect.provide(ClickHouseHttp.migrate({ database: "tributary" }), http(first))
      const client = yield* clientOf(first.url)
      const running = rows(client, "SELECT toUInt8(count()) AS n FROM system.processes WHERE query LIKE 'INSERT INTO%'")
      const values = Array.from({ length: 300_000 }, (_, i) => ({ offset: i, raw: `${i}` }))
      const insert = client.insert({ table: "tributary.kafka_errors", values, format: "JSONEachRow" })
      yield* running.pipe(Effect.repeat({ until: ([row]) => row?.["n"] === 1 }))
      first.kill("SIGTERM")
      assert.strictEqual(yield* first.ended, "0")
      yield* Effect.promise(() => insert)
      const second = yield* EngineProcess.start(chosen)
      const count = rows(yield* clientOf(second.url), "SELECT toUInt32(count()) AS n FROM tributary.kafka_errors")
      assert.deepStrictEqual(yield* count, [{ n: values.length }])
    }).pipe(Effect.scoped)
  )

  it.live("does not outlive the process that started it", () =>
    Effect.gen(function* () {
      const parent = `
        import { Effect, Redacted } from "effect"
        import * as EngineProcess from ${JSON.stringify(new URL("../../src/engine/EngineProcess.ts", import.meta.url).href)}
        await Effect.runPromise(Effect.scoped(Effect.flatMap(
          EngineProcess.start({ dataDir: ${JSON.stringify(folder())}, httpPort: 0, password: Redacted.make("x"), output: "ignore" }),
          ({ pid }) => Effect.andThen(Effect.sync(() => console.log(pid)), Effect.never))))`
      const child = spawn(process.execPath, ["--input-type=module", "--eval", parent], {
        cwd: import.meta.dirname,
        stdio: ["ignore", "pipe", "inherit"]
      })
      const [line] = yield* Effect.promise(() => once(child.stdout, "data"))
      const pid = Number(String(line))
      child.kill("SIGKILL")
      yield* Effect.suspend(() => isThere(pid)).pipe(Effect.repeat({ until: (there) => !there }))
      assert.isAbove(pid, 0)
    })
  )

  it.live("says in one line what keeps it from starting", () =>
    Effect.gen(function* () {
      const running = yield* EngineProcess.start(options())
      const DATA_DIR = folder()
      const CLICKHOUSE_PASSWORD = "x"
      const port = String(running.addresses.readPort)
      const cases: ReadonlyArray<readonly [Readonly<Record<string, string>>, RegExp]> = [
        [{ DATA_DIR }, /^CLICKHOUSE_PASSWORD is not set/],
        [{ DATA_DIR, CLICKHOUSE_PASSWORD: "" }, /^CLICKHOUSE_PASSWORD is not set/],
        [{ DATA_DIR, CLICKHOUSE_PASSWORD, CLICKHOUSE_HTTP_PORT: "x" }, /^CLICKHOUSE_HTTP_PORT=x: /],
        [{ DATA_DIR, CLICKHOUSE_PASSWORD, CLICKHOUSE_DATABASE: "a b" }, /^CLICKHOUSE_DATABASE=a b: Expected letters/],
        [
          { DATA_DIR, CLICKHOUSE_PASSWORD, CLICKHOUSE_HTTP_PORT: port },
          /^CLICKHOUSE_HTTP_PORT: port \d+ of 127.0.0.1 is in use$/
        ],
        [
          { DATA_DIR, CLICKHOUSE_PASSWORD, CLICKHOUSE_HTTP_PORT: "0", CLICKHOUSE_WRITE_PORT: port },
          /^CLICKHOUSE_WRITE_PORT: port \d+ of 127.0.0.1 is in use$/
        ]
      ]
      for (const [environment, line] of cases) {
        const { code, lines } = yield* runToEnd(environment)
        assert.strictEqual(lines.length, 1, lines.join("\n"))
        assert.match(lines[0] ?? "", line)
        assert.strictEqual(code, 1)
      }
    }).pipe(Effect.scoped)
  )

  it.live("says which process holds its folder", () =>
    Effect.gen(function* () {
      const chosen = options()
      const first = yield* EngineProcess.start(chosen)
      const { code, lines } = yield* runToEnd({ ...EngineProcess.environment(chosen) })
      assert.deepStrictEqual(lines, [`DATA_DIR is in use by process ${first.pid}`])
      assert.strictEqual(code, 1)
    }).pipe(Effect.scoped)
  )

  it.live("fails to start where the program ends before it is ready", () =>
    Effect.gen(function* () {
      const taken = createServer()
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          taken.listen(0, "127.0.0.1", () => {
            const address = taken.address()
            resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
          })
        }),
        () => Effect.sync(() => taken.close())
      )
      const error = yield* Effect.flip(EngineProcess.start(options({ httpPort: port })))
      assert.match(error.message, /^the ClickHouse engine's program ended \(1\) before it was ready/)
    }).pipe(Effect.scoped)
  )
})

const isThere = (pid: number): Effect.Effect<boolean> =>
  Effect.delay(
    Effect.sync(() => {
      try {
        process.kill(pid, 0)
        return true
      } catch {
        return false
      }
    }),
    "10 millis"
  )
