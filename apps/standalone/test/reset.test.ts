import { execFile } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as DataDir from "@tributary/embedded/DataDir"
import { Effect } from "effect"

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tributary-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Runs the program with an answer on standard input; gives its exit code and what it printed. */
const reset = (dataDir: string, answer: string, ...flags: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number; readonly printed: string }>((resume) => {
    const program = join(import.meta.dirname, "../src/reset.ts")
    const child = execFile(
      process.execPath,
      [program, ...flags],
      { env: { ...process.env, DATA_DIR: dataDir } },
      (_error, stdout, stderr) => resume(Effect.succeed({ code: child.exitCode ?? -1, printed: stdout + stderr }))
    )
    child.stdin?.end(answer)
  })

const usedFolder = Effect.gen(function* () {
  const path = join(yield* temporaryFolder, "data")
  yield* Effect.scoped(DataDir.make({ path }))
  mkdirSync(join(path, "postgres"))
  writeFileSync(join(path, "postgres", "PG_VERSION"), "18\n")
  return path
})

describe("reset", () => {
  it.live("removes the data after a yes, and with --yes at once", () =>
    Effect.gen(function* () {
      for (const [answer, ...flags] of [["yes\n"], ["", "--yes"]] as const) {
        const path = yield* usedFolder
        const { code, printed } = yield* reset(path, answer, ...flags)
        assert.strictEqual(code, 0, printed)
        assert.include(printed, `Removed ${path}.`)
        assert.isFalse(existsSync(path))
      }
    })
  )

  it.live("removes nothing after anything else", () =>
    Effect.gen(function* () {
      const path = yield* usedFolder
      for (const answer of ["no\n", "\n", ""]) {
        const { code, printed } = yield* reset(path, answer)
        assert.include(printed, "Nothing was removed.")
        assert.strictEqual(code, 0)
        assert.isTrue(existsSync(join(path, "postgres", "PG_VERSION")))
      }
    })
  )

  it.live("refuses a folder in use", () =>
    Effect.gen(function* () {
      const path = yield* usedFolder
      yield* DataDir.make({ path })
      const { code, printed } = yield* reset(path, "", "--yes")
      assert.strictEqual(code, 1)
      assert.include(printed, `DATA_DIR is in use by process ${process.pid}: ${path}`)
      assert.isTrue(existsSync(join(path, "postgres", "PG_VERSION")))
    })
  )

  it.live("never removes a folder that is not ours", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFolder
      writeFileSync(join(path, "letter.txt"), "dear reader")
      const { code, printed } = yield* reset(path, "", "--yes")
      assert.strictEqual(code, 1)
      assert.include(printed, "holds other things than Tributary's data")
      assert.deepStrictEqual(readdirSync(path), ["letter.txt"])
    })
  )

  it.live("has nothing to do where there is no folder", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "data")
      const { code, printed } = yield* reset(path, "", "--yes")
      assert.strictEqual(code, 0)
      assert.include(printed, "There is nothing to remove")
    })
  )
})
