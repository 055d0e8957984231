/** What a program leaves that is killed, and how the next start deals with it. */
import { readdirSync, readFileSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import { Context, Effect, Layer } from "effect"
import * as Folder from "../support/Folder.ts"
import * as Program from "../support/Program.ts"
import * as Session from "../support/Session.ts"

const start = (dataDir: string) =>
  Effect.map(
    Layer.build(EmbeddedPostgres.layer({ dataDir, settings: { fsync: "off" } })),
    Context.get(EmbeddedPostgres)
  )

/** Of a first start, from early to late: files of the new folder that are there by then. */
const moments = ["PG_VERSION", "global/pg_control", "base/5"] as const

const initialisedUpTo = (dataDir: string, moment: string) =>
  readdirSync(dataDir).some((name) => /^postgres\.new-[0-9a-f]+$/.test(name) && exists(join(dataDir, name), moment))

const exists = (folder: string, path: string) => {
  try {
    realpathSync(join(folder, path))
    return true
  } catch {
    return false
  }
}

describe("a killed program", () => {
  for (const moment of moments) {
    it.live(`that was making its data folder (${moment} was there) is followed by a start that works`, () =>
      Effect.gen(function* () {
        const dataDir = yield* Folder.make
        const program = yield* Program.start({ dataDir })
        yield* Program.until(() => initialisedUpTo(dataDir, moment))
        program.kill("SIGKILL")
        yield* program.ended
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { url } = yield* start(dataDir)
            assert.deepStrictEqual(yield* Session.query(url, "SELECT 1 AS one"), [{ one: 1 }])
          })
        )
        yield* Program.until(() => Session.processesBelow(dataDir).length === 0)
        yield* Effect.scoped(start(dataDir))
        assert.deepStrictEqual(
          readdirSync(dataDir).filter((name) => name.startsWith("postgres.new-")),
          []
        )
      })
    )
  }

  it.live("leaves no server, and loses nothing that was committed", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const program = yield* Program.start({ dataDir })
      const url = yield* program.line
      yield* Session.query(url, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
      program.kill("SIGKILL")
      yield* program.ended
      yield* Program.until(() => Session.processesBelow(dataDir).length === 0)

      const next = yield* start(dataDir)
      assert.deepStrictEqual(yield* Session.query(next.url, "SELECT * FROM t"), [{ n: 1 }])
    })
  )

  it.live("may leave an orphaned server, which the next start ends", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const program = yield* Program.start({ dataDir })
      const url = yield* program.line
      yield* Session.query(url, "CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
      const orphan = Session.postmaster(dataDir)
      for (const shell of shellsOver(orphan)) process.kill(shell, "SIGKILL")
      program.kill("SIGKILL")
      yield* program.ended
      assert.deepStrictEqual(yield* Session.query(url, "SELECT * FROM t"), [{ n: 1 }])

      const next = yield* start(dataDir)
      assert.deepStrictEqual(yield* Session.query(next.url, "SELECT * FROM t"), [{ n: 1 }])
      assert.notInclude(Session.processesBelow(dataDir), orphan)
    })
  )

  it.live("no longer holds its folder; one that runs does, and is named", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const program = yield* Program.start({ dataDir })
      yield* program.line
      const { message } = yield* Effect.flip(Effect.scoped(start(dataDir)))
      assert.strictEqual(message, `DATA_DIR is in use by process ${program.pid}: ${dataDir}`)
      const second = yield* Program.start({ dataDir })
      assert.strictEqual(yield* second.line, message)
      program.kill("SIGKILL")
      yield* program.ended
      yield* start(dataDir)
    })
  )

  it.live("stops its server in order when it is only asked to end", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const program = yield* Program.start({ dataDir })
      yield* Session.connect(yield* program.line)
      program.kill("SIGTERM")
      yield* program.ended
      assert.deepStrictEqual(Session.processesBelow(dataDir), [])
      assert.match(readFileSync(join(dataDir, "postgres.log"), "utf8"), /database system is shut down\s*$/)
    })
  )
})

/** The shells between a program and its server: the processes of the server's session that are not the server's. */
const shellsOver = (postmaster: number): ReadonlyArray<number> =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== postmaster && sessionOf(pid) === sessionOf(postmaster))

const sessionOf = (pid: number): string | undefined => {
  try {
    // After the name, which is in brackets: state, parent, group, session.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[3]
  } catch {
    return undefined
  }
}
