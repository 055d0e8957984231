import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Versions from "@tributary/embedded/data/Versions"
import * as Binaries from "@tributary/embedded/postgres/Binaries"
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from "@tributary/embedded/postgres/EmbeddedPostgres"
import { Context, Effect, Exit, Fiber, Layer, Redacted } from "effect"
import * as Folder from "../support/Folder.ts"
import { until } from "../support/Program.ts"
import * as Session from "../support/Session.ts"

const start = (dataDir: string, options: EmbeddedPostgresOptions = {}) =>
  Effect.map(
    Layer.build(EmbeddedPostgres.layer({ dataDir, settings: { fsync: "off" }, ...options })),
    Context.get(EmbeddedPostgres)
  )

const refusal = (dataDir: string, options?: EmbeddedPostgresOptions) =>
  Effect.map(Effect.flip(Effect.scoped(start(dataDir, options))), ({ message }) => message)

const serverLog = (dataDir: string) => readFileSync(join(dataDir, "postgres.log"), "utf8")

const untilSomeoneSleeps = `DO $$ BEGIN
  WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep') LOOP PERFORM pg_stat_clear_snapshot(); END LOOP;
END $$`

describe("EmbeddedPostgres", () => {
  it.live("is of the version that the data folder is marked with", () =>
    Effect.gen(function* () {
      const binaries = yield* Binaries.make(yield* Binaries.locate, yield* Folder.make)
      const printed = execFileSync(binaries.postgres, ["--version"], { encoding: "utf8" })
      assert.strictEqual(printed.trim(), `postgres (PostgreSQL) ${Versions.current.postgres}`)
    })
  )

  it.live("keeps what it was told from one start to the next, sorts by code points, and leaves no process", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { url, port } = yield* start(dataDir)
          assert.strictEqual(Redacted.value(url), `postgres://tributary:tributary@127.0.0.1:${port}/tributary`)
          yield* Session.query(url, "CREATE TABLE t (n text)", "INSERT INTO t VALUES ('b'), ('Z'), ('ä'), ('a')")
        })
      )
      assert.deepStrictEqual(Session.processesBelow(dataDir), [])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* start(dataDir)
          const rows = yield* Session.query(url, "SELECT n FROM t ORDER BY n")
          assert.deepStrictEqual(rows, [{ n: "Z" }, { n: "a" }, { n: "b" }, { n: "ä" }])
        })
      )
      assert.deepStrictEqual(Session.processesBelow(dataDir), [])
    })
  )

  it.live("stops in order while a client waits for an answer", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const clients = yield* Effect.scope
      const waiting = yield* Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* start(dataDir)
          const waiting = yield* Effect.forkIn(Session.query(url, "SELECT pg_sleep(600)"), clients)
          yield* Session.query(url, untilSomeoneSleeps)
          return waiting
        })
      )
      assert.isTrue(Exit.isFailure(yield* Fiber.await(waiting)))
      assert.include(serverLog(dataDir), "received fast shutdown request")
      assert.notInclude(serverLog(dataDir), "immediate shutdown")
      assert.include(serverLog(dataDir), "database system is shut down")
    })
  )

  it.live("comes back by itself on the same port when the server is killed, with all that was committed", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const { url } = yield* start(dataDir)
      yield* Session.query(url, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
      for (const round of [1, 2]) {
        const killed = Session.postmaster(dataDir)
        process.kill(killed, "SIGKILL")
        yield* until(() => Session.processesBelow(dataDir).length === 0)
        const rows = yield* Session.eventually(Session.query(url, "SELECT * FROM t"))
        assert.deepStrictEqual(rows, [{ n: 1 }], `round ${round}`)
        assert.notStrictEqual(Session.postmaster(dataDir), killed)
      }
    })
  )

  it.live("says in one line that its port is used, before it makes anything", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      for (const host of ["127.0.0.1", "::"]) {
        const port = yield* listener(host)
        assert.strictEqual(
          yield* refusal(dataDir, { port }),
          `Port ${port} is in use by another program. Set POSTGRES_PORT to another one.`
        )
      }
      assert.isFalse(existsSync(join(dataDir, "postgres")))
    })
  )

  it.live("refuses the folder of another PostgreSQL, a changed password and a wrong setting, each in one line", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* start(dataDir)
          yield* Session.query(url, "ALTER ROLE tributary PASSWORD 'other'")
        })
      )
      assert.include(yield* refusal(dataDir), "it refuses role tributary with password tributary")
      assert.include(
        yield* refusal(dataDir, { settings: { shared_buffers: "lots" } }),
        'invalid value for parameter "shared_buffers": "lots"'
      )
      writeFileSync(join(dataDir, "postgres", "PG_VERSION"), "17\n")
      assert.include(yield* refusal(dataDir), "is of PostgreSQL 17, which PostgreSQL 18 cannot read")
    })
  )

  it.live("starts although the number of a killed server belongs to another process now", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      yield* Effect.scoped(start(dataDir))
      const folder = join(dataDir, "postgres")
      writeFileSync(join(folder, "postmaster.pid"), `${process.pid}\n${folder}\n1\n1\n\n127.0.0.1\n\nready\n`)
      const { url } = yield* start(dataDir)
      assert.deepStrictEqual(yield* Session.query(url, "SELECT 1 AS one"), [{ one: 1 }])
    })
  )

  it.live("gives up when the server ends three times in a row before it is ready", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const { lost } = yield* start(dataDir)
      writeFileSync(join(dataDir, "postgres", "postgresql.auto.conf"), "no_such_setting = 1\n")
      process.kill(Session.postmaster(dataDir), "SIGKILL")
      const { message } = yield* Effect.flip(lost)
      assert.include(message, "configuration file")
    })
  )
})

/** A port that something listens on. */
const listener = (host: string) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer().listen({ host, port: 0 }, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return address === null || typeof address === "string" ? 0 : address.port
    })
  )
