import { execFile } from "node:child_process"
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { until } from "../../../packages/embedded/test/support/Program.ts"
import { capture, events, request } from "../../standalone/test/support/Start.ts"
import { processesOf, start } from "./support/Start.ts"

const shell = (command: string) =>
  Effect.callback<string>((resume) => {
    execFile("sh", ["-c", command], (_, stdout) => resume(Effect.succeed(stdout)))
  })

/** A port that somebody listens on until the scope closes. */
const usedPort = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      resume(Effect.succeed({ port, close: () => void server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** What programs say besides the greeting, without what they only note. */
const warnings = (printed: string): ReadonlyArray<string> =>
  printed.split("\n").filter((line) => /"level":"(WARN|ERROR|FATAL)"/.test(line))

// Each start has a broker, a database, an engine and programs to start; where other work keeps the machine busy, a minute.
describe("npm run stack", { timeout: 480_000 }, () => {
  it.live("greets with a line that sends a first event; SIGTERM ends it with 0, and nothing stays behind", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const program = yield* start(folder, {}, "2")
      const greeting = yield* program.greeting
      assert.include(greeting, `Tributary is ready at http://127.0.0.1:${program.port}`)
      const [send = ""] = greeting.split("\n").filter((line) => line.startsWith("  curl "))
      assert.strictEqual(yield* shell(send), '{"status":"Ok"}')
      assert.deepStrictEqual(yield* events(program, ["hello"]), ["hello"])
      for (const port of [0, 1, 2].map((n) => program.healthPort + n)) {
        const readiness = yield* request(`http://127.0.0.1:${port}/_readiness`)
        assert.deepStrictEqual([readiness.status, readiness.text], [200, '{"status":"ready"}'])
        assert.strictEqual((yield* request(`http://127.0.0.1:${port}/_liveness`)).status, 200)
      }
      assert.strictEqual((yield* request(`http://127.0.0.1:${program.port}/_readiness`)).status, 200)
      const metrics = yield* request(`http://127.0.0.1:${program.healthPort}/metrics`)
      assert.include(metrics.text, "capture_events_ingested_total 1")
      const { code, errors, printed } = yield* program.kill("SIGTERM")
      assert.deepStrictEqual([code, errors, warnings(printed)], [0, "", []])
      assert.deepStrictEqual(processesOf(folder), [])
    })
  )

  it.live("kill -9 leaves no process behind, and the next start carries on with all that was acknowledged", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const first = yield* start(folder)
      yield* first.greeting
      assert.strictEqual((yield* capture(first, "a", "b")).status, 200)
      yield* first.kill("SIGKILL")
      yield* until(() => processesOf(folder).length === 0)
      const second = yield* start(folder)
      yield* second.greeting
      assert.strictEqual((yield* capture(second, "c")).status, 200)
      assert.deepStrictEqual(yield* events(second, ["a", "b", "c"]), ["a", "b", "c"])
      assert.strictEqual((yield* second.kill("SIGINT")).code, 0)
      assert.deepStrictEqual(processesOf(folder), [])
    })
  )

  for (const setting of ["PORT", "CLICKHOUSE_HTTP_PORT", "KAFKA_PORT", "POSTGRES_PORT", "HEALTH_PORT"]) {
    it.live(`a used ${setting} ends it with a line that says so`, () =>
      Effect.gen(function* () {
        const folder = yield* Folder.make
        const { port } = yield* usedPort
        const { code, errors } = yield* Effect.flatMap(start(folder, { [setting]: String(port) }), ({ ended }) => ended)
        const line = `Port ${port} is in use by another program. Set ${setting} to another one.\n`
        assert.deepStrictEqual([code, errors], [1, line])
        assert.deepStrictEqual(processesOf(folder), [])
      })
    )
  }

  for (const text of ["x", "0", "1.5"]) {
    it.live(`--workers ${text} ends it with a line that says what it may be`, () =>
      Effect.gen(function* () {
        const { code, errors } = yield* Effect.flatMap(start(yield* Folder.make, {}, text), ({ ended }) => ended)
        assert.deepStrictEqual([code, errors], [1, `--workers ${text}: a whole number from 1 to 99\n`])
      })
    )
  }

  it.live("without Java it ends with a line that says what to install, before anything is started", () =>
    Effect.gen(function* () {
      const program = yield* start(yield* Folder.make, { JAVA_HOME: "/nowhere" })
      const { code, errors, printed } = yield* program.ended
      assert.strictEqual(code, 1)
      assert.match(errors, /^npm run stack needs Java 17 or newer, and [^\n]+\n$/)
      assert.notInclude(printed, "PostgreSQL's data folder")
    })
  )
})
