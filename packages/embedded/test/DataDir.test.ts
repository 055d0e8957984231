import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as DataDir from "@tributary/embedded/DataDir"
import * as Versions from "@tributary/embedded/data/Versions"
import { Effect } from "effect"
import * as Folder from "./support/Folder.ts"

const refusal = (options: DataDir.DataDirOptions) =>
  Effect.map(Effect.flip(Effect.scoped(DataDir.make(options))), ({ message }) => message)

describe("DataDir", () => {
  it.live("makes the folder, and marks it with the versions that write it", () =>
    Effect.gen(function* () {
      const path = join(yield* Folder.make, "a", "b")
      const made = yield* DataDir.make({ path })
      assert.strictEqual(made.path, path)
      assert.deepStrictEqual(Versions.parse(readFileSync(join(path, "version"), "utf8")), Versions.current)
    })
  )

  it.live("follows links, so that the path is the one that processes show", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      mkdirSync(join(folder, "real"))
      symlinkSync("real", join(folder, "link"))
      assert.strictEqual((yield* DataDir.make({ path: join(folder, "link") })).path, join(folder, "real"))
    })
  )

  it.live("is for one at a time, and says who has it; the end of the scope frees it", () =>
    Effect.gen(function* () {
      const path = yield* Folder.make
      const during = yield* Effect.scoped(Effect.andThen(DataDir.make({ path }), refusal({ path })))
      assert.strictEqual(during, `DATA_DIR is in use by process ${process.pid}: ${path}`)
      yield* DataDir.make({ path })
    })
  )

  it.live("refuses what a newer Tributary wrote, and what another PostgreSQL wrote, and leaves it as it was", () =>
    Effect.gen(function* () {
      const path = yield* Folder.make
      const newer = { ...Versions.current, schema: Versions.current.schema + 1 }
      yield* Effect.scoped(DataDir.make({ path, versions: newer }))
      assert.include(yield* refusal({ path }), "a newer Tributary wrote it (newer: schema)")
      assert.deepStrictEqual(Versions.parse(readFileSync(join(path, "version"), "utf8")), newer)

      writeFileSync(join(path, "version"), Versions.format({ ...Versions.current, postgres: "17.6" }))
      assert.include(yield* refusal({ path }), "it holds PostgreSQL 17.6")
    })
  )

  it.live("marks a folder of an older Tributary as its own", () =>
    Effect.gen(function* () {
      const path = yield* Folder.make
      yield* Effect.scoped(DataDir.make({ path }))
      const newer = { ...Versions.current, schema: Versions.current.schema + 1 }
      yield* Effect.scoped(DataDir.make({ path, versions: newer }))
      assert.deepStrictEqual(Versions.parse(readFileSync(join(path, "version"), "utf8")), newer)
    })
  )

  it.live("does not touch a folder that holds other things", () =>
    Effect.gen(function* () {
      const path = yield* Folder.make
      writeFileSync(join(path, "letter.txt"), "dear reader")
      assert.include(yield* refusal({ path }), "holds other things than Tributary's data")
      assert.deepStrictEqual(readdirSync(path), ["letter.txt"])
    })
  )

  it.live("goes on from what a start left that was killed in its first moments", () =>
    Effect.gen(function* () {
      const path = yield* Folder.make
      for (const name of ["lock", "lock.pid", "version.new", "lost+found"]) writeFileSync(join(path, name), "")
      yield* DataDir.make({ path })
      assert.deepStrictEqual(Versions.parse(readFileSync(join(path, "version"), "utf8")), Versions.current)
    })
  )

  it.live("says in one line that a path cannot be a folder", () =>
    Effect.gen(function* () {
      const file = join(yield* Folder.make, "file")
      writeFileSync(file, "")
      for (const path of [file, join(file, "below")]) {
        assert.strictEqual(yield* refusal({ path }), `DATA_DIR ${path} cannot be used: a part of the path is a file`)
      }
    })
  )

  it.live("removes a folder of ours, with all in it", () =>
    Effect.gen(function* () {
      const path = join(yield* Folder.make, "data")
      yield* Effect.scoped(DataDir.make({ path }))
      mkdirSync(join(path, "postgres"))
      writeFileSync(join(path, "postgres", "PG_VERSION"), "18\n")
      yield* DataDir.remove(path, () => Effect.void)
      assert.isFalse(existsSync(path))
    })
  )

  it.live("does not remove a folder in use", () =>
    Effect.gen(function* () {
      const path = yield* Folder.make
      yield* DataDir.make({ path })
      const { message } = yield* Effect.flip(DataDir.remove(path, () => Effect.void))
      assert.include(message, "DATA_DIR is in use")
      assert.isTrue(existsSync(join(path, "version")))
    })
  )
})
