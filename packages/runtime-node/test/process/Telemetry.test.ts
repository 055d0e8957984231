import { execFile } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

/** A collector: what was posted, by path. */
const collector = Effect.gen(function* () {
  const got: Array<{ readonly path: string; readonly body: string }> = []
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      got.push({ path: request.url ?? "", body: Buffer.concat(chunks).toString() })
      response.end("{}")
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
})

const run = (environment: Record<string, string>) =>
  Effect.callback<{ readonly code: number; readonly stdout: string; readonly stderr: string }>((resume) => {
    const child = execFile(
      process.execPath,
      [join(import.meta.dirname, "telemetryProgram.ts")],
      { env: { ...process.env, LOG_FORMAT: "json", ...environment } },
      (_, stdout, stderr) => resume(Effect.succeed({ code: child.exitCode ?? -1, stdout, stderr }))
    )
  })

describe("Telemetry", () => {
  it.live("a program's spans and log lines have reached the collector when it ends", () =>
    Effect.gen(function* () {
      const { got, url } = yield* collector
      const { code, stdout } = yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: url })
      assert.strictEqual(code, 0)
      assert.include(stdout, "worked")
      assert.include(stdout, '"isTraced":true')
      const bodyOf = (path: string) =>
        got
          .filter((sent) => sent.path === path)
          .map(({ body }) => body)
          .join()
      assert.include(bodyOf("/v1/traces"), '"name":"outer"')
      assert.include(bodyOf("/v1/traces"), '"name":"inner"')
      assert.include(bodyOf("/v1/traces"), "telemetry-test")
      assert.include(bodyOf("/v1/logs"), "worked")
    }).pipe(Effect.scoped)
  )

  it.live("without a collector there are no spans, and the log is as ever", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run({})
      assert.strictEqual(code, 0)
      assert.include(stdout, '"isTraced":false')
    })
  )

  it.live("a collector that is away changes nothing", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9" })
      assert.strictEqual(code, 0)
      assert.include(stdout, "worked")
    })
  )

  it.live("an address that is none ends the start in one line", () =>
    Effect.gen(function* () {
      const { code, stderr } = yield* run({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector" })
      assert.strictEqual(code, 1)
      assert.include(stderr, "OTEL_EXPORTER_OTLP_ENDPOINT=collector")
    })
  )
})
