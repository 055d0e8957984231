import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { ClickHouseSink } from "@tributary/pipeline/service/ClickHouseSink"
import { Effect, Fiber, Layer, Logger } from "effect"
import * as EmbeddedClickHouse from "../../src/clickhouse/EmbeddedClickHouse.ts"
import * as Engine from "../../src/clickhouse/Engine.ts"
import * as Query from "../../src/clickhouse/Query.ts"
import { folder, rows } from "./support.ts"

const on = (path: string) =>
  EmbeddedClickHouse.layer().pipe(Layer.provideMerge(Engine.layer({ folder: path, database: "tributary" })))

/** Opens the engine, uses it and closes it again. */
const opened = <A, E>(path: string, use: Effect.Effect<A, E, Engine.Engine | ClickHouseSink>) =>
  Effect.scoped(Effect.provide(use, on(path)))

const raws = rows("SELECT raw FROM tributary.kafka_errors ORDER BY offset")
const store = (offset: number, raw: string) =>
  ClickHouseSink.use((sink) =>
    sink.insert({
      table: "kafka_errors",
      rows: new TextEncoder().encode(`${JSON.stringify({ topic: "t", partition: 0, offset, raw })}\n`),
      count: 1,
      token: `${offset}`
    })
  )

/** Another process that has the engine open on this folder and has stored a row. */
const otherProcess = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const script = fileURLToPath(new URL("./holdOpen.ts", import.meta.url))
      const child = spawn(process.execPath, [script, path], { stdio: ["ignore", "pipe", "inherit"] })
      await once(child.stdout, "data")
      return child
    }),
    (child) => Effect.promise(() => killed(child))
  )
const killed = async (child: ChildProcess) => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, "exit")
  child.kill("SIGKILL")
  await exit
}

describe("the engine", () => {
  it.live("keeps what was stored from one opening to the next", () =>
    Effect.gen(function* () {
      const path = folder()
      yield* opened(path, store(1, "first"))
      yield* opened(path, store(2, "second"))
      assert.deepStrictEqual(yield* opened(path, raws), [{ raw: "first" }, { raw: "second" }])
    })
  )

  it.live("remembers an insert's token from one opening to the next", () =>
    Effect.gen(function* () {
      const path = folder()
      yield* opened(path, store(1, "once"))
      yield* opened(path, store(1, "twice"))
      assert.deepStrictEqual(yield* opened(path, raws), [{ raw: "once" }])
    })
  )

  it.live("says which process holds the folder, and opens it with every row once that was killed", () =>
    Effect.gen(function* () {
      const path = folder()
      const other = yield* otherProcess(path)
      const error = yield* Effect.flip(opened(path, raws))
      assert.strictEqual(error.message, `DATA_DIR is in use by process ${other.pid}`)
      yield* Effect.promise(() => killed(other))
      assert.include(readdirSync(path), "status")
      assert.deepStrictEqual(yield* opened(path, raws), [{ raw: "kept" }])
    }).pipe(Effect.scoped)
  )

  it.live("opens a folder whose last process was killed although its number is another's by now", () =>
    Effect.gen(function* () {
      const path = folder()
      yield* opened(path, store(1, "kept"))
      writeFileSync(join(path, "status"), `PID: ${process.ppid}\nStarted at: 2026-11-25 00:00:00\nRevision: 1\n`)
      assert.deepStrictEqual(yield* opened(path, raws), [{ raw: "kept" }])
    })
  )

  it.live("finishes writes and ends reads when it closes", () =>
    Effect.gen(function* () {
      const path = folder()
      const [read, write] = yield* opened(
        path,
        Effect.gen(function* () {
          const engine = yield* Engine.Engine
          const slow = Query.rows(engine, "SELECT sleepEachRow(3) FROM numbers(9) SETTINGS max_block_size = 1")
          const read = yield* Effect.forkDetach(Effect.exit(slow))
          const count = "SELECT count() AS n FROM system.processes WHERE query LIKE 'SELECT sleepEachRow(3)%'"
          yield* Query.rows(engine, count).pipe(Effect.repeat({ until: ([row]) => row?.["n"] === "1" }))
          const insert =
            "INSERT INTO tributary.kafka_errors (topic, offset, raw) SELECT 't', 1, 'x' FROM numbers(3) WHERE sleepEachRow(0.1) = 0"
          const write = yield* Effect.forkDetach(Effect.exit(engine.write(insert)))
          yield* Effect.yieldNow
          return [read, write] as const
        })
      )
      assert.strictEqual((yield* Fiber.join(read))._tag, "Failure")
      assert.strictEqual((yield* Fiber.join(write))._tag, "Success")
      assert.deepStrictEqual(yield* opened(path, raws), [{ raw: "x" }])
    })
  )

  it.live("warns of parts that were set aside", () =>
    Effect.gen(function* () {
      const path = folder()
      const detach = Engine.Engine.use(({ write }) => write("ALTER TABLE tributary.kafka_errors DETACH PARTITION ALL"))
      yield* opened(path, Effect.andThen(store(1, "aside"), detach))
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      yield* Effect.provide(opened(path, raws), logger)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0] ?? "", /rows are missing: tributary kafka_errors all_/)
    })
  )

  it.live("keeps events for the days that are asked for, or for ever", () =>
    Effect.gen(function* () {
      const path = folder()
      const engineFull = rows("SELECT engine_full FROM system.tables WHERE database = 'tributary' AND name = 'events'")
      const withTtl = (eventsTtlDays?: number) =>
        Effect.provide(
          Effect.map(Effect.andThen(EmbeddedClickHouse.migrate({ eventsTtlDays }), engineFull), ([row]) =>
            String(row?.["engine_full"])
          ),
          Engine.layer({ folder: path, database: "tributary" })
        )
      assert.notInclude(yield* withTtl(), " TTL ")
      assert.include(yield* withTtl(30), "TTL least(toDate(timestamp), toDate('2100-01-01')) + toIntervalDay(30)")
      assert.include(yield* withTtl(31), "toIntervalDay(31)")
      assert.notInclude(yield* withTtl(), " TTL ")
    })
  )

  it.live("says in one line that it cannot open damaged data", () =>
    Effect.gen(function* () {
      const path = folder()
      yield* opened(path, store(1, "x"))
      const metadata = join(path, "metadata", "tributary")
      writeFileSync(join(metadata, "events.sql"), "this is no statement")
      const error = yield* Effect.flip(opened(path, raws))
      assert.match(error.message, /cannot be opened; the engine's reason is the line above$/)
    })
  )
})
