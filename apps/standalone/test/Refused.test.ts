import { readFileSync, writeFileSync } from "node:fs"
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

describe("a start that cannot be ends in one clear line:", () => {
  for (const [settings, ...parts] of [
    [{ PORT: "80000" }, "PORT=80000", "65535"],
    [{ HOST: "0.0.0.0" }, "ADMIN_TOKEN is not set", "HOST=0.0.0.0"],
    [{ CLICKHOUSE_INGEST: "both" }, "CLICKHOUSE_INGEST=both", '"sink"'],
    [{ CLICKHOUSE_INGEST: "kafka-engine" }, "CLICKHOUSE_INGEST=kafka-engine", "sink"],
    [{ LOG_RETENTION: "soon" }, "LOG_RETENTION=soon", "24 hours"],
    [{ LOG_LEVEL: "loud" }, "LOG_LEVEL=loud", '"debug"'],
    [{ MAX_BODY: "-1" }, "MAX_BODY=-1", "a number of bytes"],
    [{ CONSUMER_BATCH_SIZE: "0" }, "CONSUMER_BATCH_SIZE=0", "from 1 to"],
    [{ POSTGRES_POOL_SIZE: "2" }, "POSTGRES_POOL_SIZE=2", "from 7 to"],
    [{ TRUSTED_PROXIES: "everybody" }, "TRUSTED_PROXIES=everybody", "private"],
    [
      { CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC: "a", INGESTION_CONSUMER_CONSUME_TOPIC: "b" },
      "INGESTION_CONSUMER_CONSUME_TOPIC=b"
    ],
    [{ ENCRYPTION_SALT_KEYS: "hidden" }, "ENCRYPTION_SALT_KEYS=…"],
    [{ DATABASE_URL: "mysql://me:hidden@db/x" }, "DATABASE_URL=…", "postgres://"],
    [{ DATABASE_URL: "postgres://me:hidden@db/x?sslmode=maybe" }, "sslmode=maybe"],
    [{ CLICKHOUSE_URL: "not a url" }, "CLICKHOUSE_URL=…", "http"]
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

  for (const name of ["PORT", "POSTGRES_PORT", "CLICKHOUSE_HTTP_PORT"]) {
    it.live(`a used ${name}`, () =>
      Effect.gen(function* () {
        const port = yield* usedPort
        const line = yield* refusal(join(yield* Folder.make, "data"), { [name]: port })
        assert.include(line, port)
        assert.match(line, /in use|already/i)
      })
    )
  }

  it.live("a folder in which another one runs: named with its process", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const running = yield* start(folder)
      yield* running.greeting
      assert.include(yield* refusal(folder), `DATA_DIR is in use by process ${running.pid}`)
    })
  )

  it.live("a file where the folder should be", () =>
    Effect.gen(function* () {
      const file = join(yield* Folder.make, "file")
      writeFileSync(file, "")
      assert.include(yield* refusal(file), file)
    })
  )

  it.live("a folder with other things in it", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      writeFileSync(join(folder, "thesis.txt"), "")
      assert.include(yield* refusal(folder), folder)
    })
  )

  it.live("a folder of a newer version", () =>
    Effect.gen(function* () {
      const folder = yield* Folder.make
      const program = yield* start(folder)
      yield* program.greeting
      yield* program.kill("SIGTERM")
      const version = join(folder, "version")
      writeFileSync(version, readFileSync(version, "utf8").replace(/\d+/, "999"))
      const line = yield* refusal(folder)
      assert.include(line, folder)
      assert.match(line, /newer|version/)
    })
  )
})
