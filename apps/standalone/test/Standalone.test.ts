import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { until } from "../../../packages/embedded/test/support/Program.ts"
import { processesBelow } from "../../../packages/embedded/test/support/Session.ts"
import { capture, events, request, type Started, start } from "./support/Start.ts"

const shell = (command: string) =>
  Effect.callback<string>((resume) => {
    execFile("sh", ["-c", command], (_, stdout) => resume(Effect.succeed(stdout)))
  })

/** Open until the scope closes. */
const halfARequest = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(port, "127.0.0.1")
      socket.on("error", () => socket.destroy())
      socket.write("POST /batch HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
      // Its "100 Continue": the request has arrived.
      socket.once("data", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

// Several starts a test; where other work keeps the machine busy, each takes many seconds.
describe("npm start", { timeout: 180_000 }, () => {
  it.live("greets with lines that work, one sends a first event, one looks at it; Ctrl-C ends it with 0", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const program = yield* start(folder)
      const greeting = yield* program.greeting
      assert.include(greeting, `http://127.0.0.1:${program.port}`)
      assert.include(greeting, "Project token: phc_local")
      const [send = "", look = ""] = greeting.split("\n").filter((line) => line.startsWith("  curl "))
      assert.strictEqual(yield* shell(send), '{"status":"Ok"}')
      yield* events(program, ["hello"])
      assert.match(yield* shell(look), /event: +hello\ndistinct_id: me\n/)
      const metrics = yield* request(`http://127.0.0.1:${program.port}/metrics`)
      assert.include(metrics.text, "capture_events_ingested_total 1")
      assert.strictEqual((yield* request(`http://127.0.0.1:${program.port}/_readiness`)).status, 200)
      const { code, errors, printed } = yield* program.kill("SIGINT")
      assert.deepStrictEqual([code, errors], [0, ""])
      assert.notInclude(printed, "WARN")
      assert.deepStrictEqual(processesBelow(folder), [])
    })
  )

  it.live("what was acknowledged right before SIGTERM or kill -9 is there after the next start", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const first = yield* start(folder)
      yield* first.greeting
      assert.strictEqual((yield* capture(first, "a", "b")).status, 200)
      assert.strictEqual((yield* first.kill("SIGTERM")).code, 0)
      assert.deepStrictEqual(processesBelow(folder), [])
      const second = yield* start(folder)
      yield* second.greeting
      assert.strictEqual((yield* capture(second, "c", "d")).status, 200)
      yield* second.kill("SIGKILL")
      yield* until(() => processesBelow(folder).length === 0)
      const third = yield* start(folder)
      yield* third.greeting
      assert.deepStrictEqual(yield* events(third, ["a", "b", "c", "d"]), ["a", "b", "c", "d"])
    })
  )

  it.live("a second signal ends it at once, as an interrupt does, and the next start recovers", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const first = yield* start(folder)
      yield* first.greeting
      assert.strictEqual((yield* capture(first, "a")).status, 200)
      // A request that never ends keeps the drain waiting.
      yield* halfARequest(first.port)
      const signals = Effect.sync(() => process.kill(first.pid, "SIGTERM")).pipe(
        Effect.repeat(Schedule.spaced("200 millis"))
      )
      yield* Effect.raceFirst(first.said("Stopping at once"), signals)
      const { errors, signal } = yield* first.ended
      // 130 to a shell.
      assert.strictEqual(signal, "SIGINT")
      // In brackets, what was in hand.
      assert.match(errors, /^Stopping at once; the next start recovers what was not finished(?: \(.+\))?\.\n$/)
      const second = yield* start(folder)
      yield* second.greeting
      assert.deepStrictEqual(yield* events(second, ["a"]), ["a"])
    })
  )

  it.live(
    "while it starts it answers 503, and kill -9 at any moment leaves a folder that the next start makes whole",
    () =>
      Effect.gen(function* () {
        const folder = yield* Folder.make
        const has = (name: string) => until(() => existsSync(join(folder, name)))
        const doorStands = ({ port }: Started) =>
          request(`http://127.0.0.1:${port}/_readiness`).pipe(
            Effect.catchDefect(() => Effect.void),
            Effect.repeat({ until: (answer) => answer !== undefined })
          )
        const moments = [
          (program: Started) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* doorStands(program), {
                status: 503,
                text: '{"status":"not ready","reasons":[{"reason":"starting"}]}'
              })
              const early = yield* capture(program, "too early")
              assert.strictEqual(early.status, 503)
              assert.strictEqual(JSON.parse(early.text).code, "service_unavailable")
            }),
          (program: Started) => program.said("Setting up PostgreSQL's data folder"),
          () => has("postgres/postmaster.pid"),
          () => has("clickhouse")
        ]
        for (const moment of moments) {
          const program = yield* start(folder)
          yield* Effect.raceFirst(moment(program), program.greeting)
          yield* program.kill("SIGKILL")
        }
        const last = yield* start(folder)
        yield* last.greeting
        assert.strictEqual((yield* capture(last, "a")).status, 200)
        assert.deepStrictEqual(yield* events(last, ["a"]), ["a"])
      })
  )
})
