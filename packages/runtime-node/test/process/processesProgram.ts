/**
 * Processes that share a port: each answers with its number; `/end` ends the one that is asked, `/hang` has it stand still, and
 * `/abandon` has it leave work behind when it ends. Printed is where the health of all is told; liveness names the shared port.
 * Told "always" none of them can start, told "waits" none gets ready, told "crashes" each ends when it is. The
 * first is "impatient" if it is told so.
 */
import cluster from "node:cluster"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { InHand } from "@tributary/pipeline/service/InHand"
import { Effect } from "effect"
import { json } from "../../src/http/Answer.ts"
import { HealthServer } from "../../src/http/HealthServer.ts"
import * as Processes from "../../src/process/Processes.ts"
import * as Program from "../../src/process/Program.ts"

const [, , count = "2", how] = process.argv

const one = Effect.gen(function* () {
  if (how === "always") return yield* new Processes.ProcessesError({ message: "a setting is wrong" })
  const { add } = yield* InHand
  const server = createServer((request, response) => {
    response.shouldKeepAlive = false
    response.end(String(cluster.worker?.id))
    if (request.url === "/end") response.once("close", () => process.exit(3))
    if (request.url === "/hang")
      response.once("close", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
    if (request.url === "/abandon") add("request", 1)
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )
  const { port } = server.address() as AddressInfo
  const readiness =
    how === "waits"
      ? json(503, { status: "not ready", reasons: [{ engine: "Kafka", reason: "connection refused" }] })
      : json(200, { status: "ready" })
  yield* Processes.report({
    liveness: Effect.succeed(json(200, { status: "ok", port })),
    readiness: Effect.succeed(readiness),
    metrics: Effect.succeed({ status: 200, body: `# HELP n N\n# TYPE n counter\nn ${port}\nn{a="b c"} 2\n` })
  })
  if (how !== "waits") yield* Processes.ready
  if (how === "crashes") return yield* new Processes.ProcessesError({ message: "it crashed" })
  return yield* Effect.never
})

const first = Effect.suspend(() => {
  const { run, status } = Processes.make(
    Number(count),
    how === "impatient" ? { silentForMs: 100, killAfterMs: 5_000 } : {}
  )
  return HealthServer.use(({ port }) => Effect.sync(() => console.log(JSON.stringify({ status: port })))).pipe(
    Effect.andThen(run),
    Effect.provide(HealthServer.layerOf({ host: "127.0.0.1", port: 0 }, status))
  )
})

Program.run(Processes.isOneOfSeveral() ? one : first)
