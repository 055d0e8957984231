import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Folder from "../../../packages/embedded/test/support/Folder.ts"
import { start } from "./support/Start.ts"

/** The one line with which a start ends. */
const refusal = (dataDir: string, settings: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const program = yield* start(dataDir, settings)
    const { code, errors } = yield* program.ended
    assert.strictEqual(code, 1, errors)
    const lines = errors.split("\n").filter((line) => line !== "")
    assert.lengthOf(lines, 1, errors)
    assert.notMatch(errors, /\n +at /)
    return lines[0] ?? ""
  }).pipe(Effect.scoped)

/** A port that somebody else listens on. */
const usedPort = Effect.map(
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer()
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  ),
  (server) => {
    const address = server.address()
    return String(typeof address === "object" && address !== null ? address.port : 0)
  }
)

// Where other work keeps the machine busy, a start takes many seconds.
describe("a start that cannot be ends in one clear line:", { timeout: 180_000 }, () => {
  for (const [settings, ...parts] of [
    [{ PORT: "80000" }, "PORT=80000", "from 1 to 65535"],
    [{ HOST: "0.0.0.0" }, "ADMIN_TOKEN is not set", "HOST=0.0.0.0"],
    [{ LOG_LEVEL: "loud" }, "LOG_LEVEL=loud", '"debug"'],
    [{ ENCRYPTION_SALT_KEYS: "hidden" }, "ENCRYPTION_SALT_KEYS=…"],
    [{ DATABASE_URL: "postgres://me:hidden@db/x?sslmode=maybe" }, "sslmode=maybe"]
  ] as const) {
    it.live(
      Object.entries(settings)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
      () =>
        Effect.gen(function* () {
          const line = yield* refusal(join(yield* Folder.make, "data"), settings)
          for (const part of parts) assert.include(line, part)
          assert.notInclude(line, "hidden")
        })
    )
  }

  for (const [name, line] of [
    ["PORT", "PORT=%: another program listens there, on 127.0.0.1. It may be any free port."],
    ["POSTGRES_PORT", "Port % is in use by another program. Set POSTGRES_PORT to another one."],
    ["CLICKHOUSE_HTTP_PORT", "Port % is in use by another program. Set CLICKHOUSE_HTTP_PORT to another one."]
  ] as const) {
    it.live(`a used ${name}, before anything is made`, () =>
      Effect.gen(function* () {
        const port = yield* usedPort
        const folder = yield* Folder.make
        assert.strictEqual(yield* refusal(folder, { [name]: port }), line.replace("%", port))
        assert.notInclude(readdirSync(folder), "postgres")
      })
    )
  }

  it.live("a folder in which another one runs, named with its process, or that a newer one wrote", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const running = yield* start(folder)
      yield* running.greeting
      assert.strictEqual(yield* refusal(folder), `DATA_DIR is in use by process ${running.pid}: ${folder}`)
      yield* running.kill("SIGTERM")
      const version = join(folder, "version")
      writeFileSync(version, readFileSync(version, "utf8").replace(/"schema":\d+/, '"schema":999'))
      const line = yield* refusal(folder)
      assert.include(line, `DATA_DIR ${folder} cannot be used: a newer Tributary wrote it (newer: schema)`)
    })
  )

  it.live("a file where the folder should be", () =>
    Effect.gen(function* () {
      const file = join(yield* Folder.make, "file")
      writeFileSync(file, "")
      assert.include(yield* refusal(file), file)
    })
  )

  it.live("a folder that cannot be written", () =>
    Effect.gen(function* () {
      // Nobody may make folders there, not even root.
      assert.include(yield* refusal("/sys/tributary"), "DATA_DIR /sys/tributary cannot be used: ")
    })
  )

  it.live("a folder with other things in it", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      writeFileSync(join(folder, "thesis.txt"), "")
      assert.include(yield* refusal(folder), folder)
    })
  )
})
