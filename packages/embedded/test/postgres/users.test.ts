/** Whoever starts it, wherever it lies. Root is tried in the ways that it has, other users where the tests run as root. */
import { execFileSync } from "node:child_process"
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Binaries from "@tributary/embedded/postgres/Binaries"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import { Context, Effect, Layer } from "effect"
import * as Folder from "../support/Folder.ts"
import * as Program from "../support/Program.ts"
import * as Session from "../support/Session.ts"

const isRoot = process.getuid?.() === 0

const start = (dataDir: string, binaries?: string) =>
  Effect.map(
    Layer.build(
      EmbeddedPostgres.layer({ dataDir, settings: { fsync: "off" }, ...(binaries === undefined ? {} : { binaries }) })
    ),
    Context.get(EmbeddedPostgres)
  )

const works = (url: Parameters<typeof Session.query>[0]) =>
  Effect.map(Session.query(url, "SELECT 1 AS one"), (rows) => assert.deepStrictEqual(rows, [{ one: 1 }]))

const serverUser = (dataDir: string) => statSync(`/proc/${Session.postmaster(dataDir)}`).uid

/** The package as npm leaves it when install scripts are blocked: without the links. */
const packageWithoutLinks = (into: string) =>
  Effect.gen(function* () {
    const folder = yield* Binaries.locate
    execFileSync("cp", ["-R", folder, into])
    const lib = join(into, "native", "lib")
    for (const name of readdirSync(lib)) if (lstatSync(join(lib, name)).isSymbolicLink()) rmSync(join(lib, name))
    return into
  })

describe("the user that PostgreSQL runs as", () => {
  it.live("is never root, and owns its folder", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      yield* works((yield* start(dataDir)).url)
      assert.notStrictEqual(serverUser(dataDir), 0)
      assert.strictEqual(statSync(join(dataDir, "postgres")).uid, serverUser(dataDir))
      assert.strictEqual(statSync(join(dataDir, "postgres")).mode & 0o777, 0o700)
    })
  )

  if (!isRoot) return

  it.live("is the data folder's owner, also when root goes on", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      chownSync(dataDir, Program.nobody.uid, Program.nobody.gid)
      for (const user of [Program.nobody, undefined]) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const program = yield* Program.start({ dataDir, ...(user === undefined ? {} : { user }) })
            yield* works(yield* program.line)
            assert.strictEqual(serverUser(dataDir), Program.nobody.uid)
            program.kill("SIGTERM")
            yield* program.ended
          })
        )
      }
    })
  )

  const nameless = { uid: 48_621, gid: 48_621 }

  it.live("may have no name", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const dataDir = join(folder, "data")
      mkdirSync(dataDir)
      chownSync(dataDir, nameless.uid, nameless.gid)
      const binaries = yield* packageWithoutLinks(join(folder, "package"))
      const program = yield* Program.start({ dataDir, binaries, user: nameless })
      yield* works(yield* program.line)
      assert.strictEqual(serverUser(dataDir), nameless.uid)
    })
  )

  it.live("may have no name and be unable to enter the folder above the binaries", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const [dataDir, closed] = [join(folder, "data"), join(folder, "closed")]
      mkdirSync(dataDir)
      chownSync(dataDir, nameless.uid, nameless.gid)
      mkdirSync(closed, { mode: 0o700 })
      yield* works((yield* start(dataDir, yield* packageWithoutLinks(join(closed, "package")))).url)
      assert.strictEqual(serverUser(dataDir), nameless.uid)
    })
  )

  it.live("may be unable to enter the folders above the binaries and the data", () =>
    Effect.gen(function* () {
      const closed = yield* Folder.make
      chmodSync(closed, 0o700)
      const dataDir = join(closed, "data")
      yield* works((yield* start(dataDir, yield* packageWithoutLinks(join(closed, "package")))).url)
      assert.notStrictEqual(serverUser(dataDir), 0)
    })
  )

  it.live("may be unable to write where the binaries lie", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const dataDir = join(folder, "data")
      mkdirSync(dataDir)
      chownSync(dataDir, Program.nobody.uid, Program.nobody.gid)
      const binaries = yield* packageWithoutLinks(join(folder, "package"))
      const program = yield* Program.start({ dataDir, binaries, user: Program.nobody })
      yield* works(yield* program.line)
      assert.include(readFileSync(`/proc/${Session.postmaster(dataDir)}/environ`, "utf8"), join(dataDir, "lib"))
    })
  )

  it.live("is told in one line that it may not write the data folder", () =>
    Effect.gen(function* () {
      const dataDir = yield* Folder.make
      const program = yield* Program.start({ dataDir, user: Program.nobody })
      assert.strictEqual(yield* program.line, `DATA_DIR ${dataDir} cannot be used: this user has no permission`)
      const above = yield* Program.start({ dataDir: join(dataDir, "below"), user: Program.nobody })
      assert.include(yield* above.line, "this user has no permission")
    })
  )
})
