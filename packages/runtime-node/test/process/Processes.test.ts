import { spawn } from "node:child_process"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Schedule } from "effect"
import * as Exposition from "../../src/process/Exposition.ts"
import { send } from "../http/support/server.ts"

/** Starts processesProgram.ts; killed at the end of the scope, if it is still there. */
const start = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const line = yield* Deferred.make<string>()
    const ended = yield* Deferred.make<{ readonly code: number | null; readonly errors: string }>()
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [join(import.meta.dirname, "processesProgram.ts"), ...args], {
          stdio: ["ignore", "pipe", "pipe"],
          env: { ...process.env, LOG_FORMAT: "json" }
        })
      ),
      (running) => Effect.sync(() => void running.kill("SIGKILL"))
    )
    let [printed, errors] = ["", ""]
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      const found = printed.split("\n").find((text) => text.startsWith('{"status"'))
      if (found !== undefined) Deferred.doneUnsafe(line, Effect.succeed(found))
    })
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString()
    })
    child.once("close", (code) => Deferred.doneUnsafe(ended, Effect.succeed({ code, errors })))
    return { child, line: Deferred.await(line), ended: Deferred.await(ended), printed: () => printed }
  })

const get = (port: number, path = "/") => Effect.map(send(port, { method: "GET", path }), ({ text }) => text)

/** Asks again and again. */
const often = Schedule.spaced("50 millis")

const statusOf = (line: string) => (JSON.parse(line) as { readonly status: number }).status

/** Where they answer, once all are ready. */
const ports = Effect.fnUntraced(function* (line: string) {
  const status = statusOf(line)
  yield* send(status, { method: "GET", path: "/_readiness" }).pipe(
    Effect.repeat({ schedule: often, until: (reply) => reply.status === 200 })
  )
  const { port } = JSON.parse(yield* get(status, "/_liveness")) as { readonly port: number }
  return { status, port }
})

describe("Processes", () => {
  it.live("share a port, and end together with 0 when the first one is asked to", () =>
    Effect.gen(function* () {
      const { child, ended, line } = yield* start("2")
      const { port, status } = yield* ports(yield* line)
      const answers = yield* Effect.forEach(Array.from({ length: 8 }), () => get(port))
      assert.deepStrictEqual([...new Set(answers)].sort(), ["1", "2"])
      assert.include(yield* get(status, "/_readiness"), "ready")
      child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended, { code: 0, errors: "" })
    }).pipe(Effect.scoped)
  )

  it.live("tell their health from the start on: that they live, and why they are not ready", () =>
    Effect.gen(function* () {
      const { child, ended, line } = yield* start("2", "waits")
      const status = statusOf(yield* line)
      const [alive, ready] = yield* Effect.all([
        send(status, { method: "GET", path: "/_liveness" }),
        send(status, { method: "GET", path: "/_readiness" })
      ])
      assert.strictEqual(alive.status, 200)
      assert.strictEqual(ready.status, 503)
      assert.include(ready.text, "it is starting")
      // What the first of them waits for, as soon as it has come so far.
      yield* get(status, "/_readiness").pipe(
        Effect.repeat({ schedule: often, until: (text) => text.includes("connection refused") })
      )
      assert.strictEqual((yield* send(status, { method: "GET", path: "/_liveness" })).status, 200)
      child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended, { code: 0, errors: "" })
    }).pipe(Effect.scoped)
  )

  it.live("tell their metrics as one, each under its number", () =>
    Effect.gen(function* () {
      const { line } = yield* start("2")
      const { port, status } = yield* ports(yield* line)
      const text = yield* get(status, "/metrics")
      assert.deepStrictEqual(
        text.split("\n").filter((row) => row !== ""),
        [
          "# HELP n N",
          "# TYPE n counter",
          `n{process="1"} ${port}`,
          'n{process="1",a="b c"} 2',
          `n{process="2"} ${port}`,
          'n{process="2",a="b c"} 2'
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.live("one that ends is replaced, and the others go on meanwhile", () =>
    Effect.gen(function* () {
      const { line } = yield* start("2")
      const { port, status } = yield* ports(yield* line)
      const gone = yield* get(port, "/end")
      assert.include(["1", "2"], gone)
      const metrics = get(status, "/metrics").pipe(
        Effect.repeat({ schedule: often, until: (text) => text.split("process=").length === 5 })
      )
      yield* metrics
      const answers = yield* Effect.forEach(Array.from({ length: 8 }), () => get(port))
      assert.isFalse(answers.includes(gone))
      assert.isTrue(answers.includes("3"))
    }).pipe(Effect.scoped)
  )

  it.live("one that stands still does not live, is not ready, and is killed at the end, which is no complete one", () =>
    Effect.gen(function* () {
      const { child, ended, line } = yield* start("2", "impatient")
      const { port, status } = yield* ports(yield* line)
      const process = Number(yield* get(port, "/hang"))
      const dead = yield* send(status, { method: "GET", path: "/_liveness" }).pipe(
        Effect.repeat({ schedule: often, until: (reply) => reply.status !== 200 })
      )
      assert.strictEqual(dead.status, 503)
      assert.deepStrictEqual(JSON.parse(dead.text), { status: "stalled", processes: [process] })
      assert.deepStrictEqual(JSON.parse(yield* get(status, "/_readiness")), {
        status: "not ready",
        reasons: [{ engine: "the program", reason: "it does not answer", process }]
      })
      child.kill("SIGTERM")
      assert.deepStrictEqual(yield* ended, { code: 1, errors: "1 process abandoned: there was no time to finish.\n" })
    }).pipe(Effect.scoped)
  )

  it.live("one that ends with work left in hand says so, and all end with 1", () =>
    Effect.gen(function* () {
      const { child, ended, line } = yield* start("2")
      const { port } = yield* ports(yield* line)
      yield* get(port, "/abandon")
      child.kill("SIGTERM")
      const { code, errors } = yield* ended
      assert.deepStrictEqual(
        [code, errors],
        [1, "1 request abandoned: there was no time to finish.\n1 process abandoned: there was no time to finish.\n"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("one that ends as soon as it is ready is started again after longer and longer pauses", () =>
    Effect.gen(function* () {
      const { printed } = yield* start("1", "crashes")
      const pauses = () => [...printed().matchAll(/process 1 ended unasked \(1\): starting it again in (\d+) s/g)]
      yield* Effect.repeat(Effect.sync(pauses), { schedule: often, until: (found) => found.length === 3 })
      assert.deepStrictEqual(
        pauses().map(([, seconds]) => seconds),
        ["0", "1", "2"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("what is wrong for all is told once", () =>
    Effect.gen(function* () {
      const { ended } = yield* start("3", "always")
      const { code, errors } = yield* ended
      assert.strictEqual(code, 1)
      assert.strictEqual(errors.split("a setting is wrong").length - 1, 1)
    }).pipe(Effect.scoped)
  )
})

describe("Exposition", () => {
  it("keeps what only one process tells, and tells once what a metric is", () => {
    const merged = Exposition.merge([
      [1, "# HELP a A\n# TYPE a counter\na 1\n"],
      [2, "# HELP b B\n# TYPE b counter\nb 2\n# HELP a A\n# TYPE a counter\na 3\n"]
    ])
    assert.strictEqual(
      merged,
      '# HELP a A\n# TYPE a counter\na{process="1"} 1\na{process="2"} 3\n\n# HELP b B\n# TYPE b counter\nb{process="2"} 2\n'
    )
  })
})
