/** Processes that share a port: each answers with its number. `/end` ends the one that is asked, `/status` asks the first. */
import cluster from "node:cluster"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import { json } from "../../src/http/Answer.ts"
import { HealthServer } from "../../src/http/HealthServer.ts"
import * as Processes from "../../src/process/Processes.ts"
import * as Program from "../../src/process/Program.ts"

const [, , count = "2", breaks] = process.argv

const one = Effect.gen(function* () {
  if (breaks === "always") return yield* new Processes.ProcessesError({ message: "a setting is wrong" })
  const server = createServer((request, response) => {
    response.shouldKeepAlive = false
    response.end(String(cluster.worker?.id))
    if (request.url === "/end") response.once("close", () => process.exit(3))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )
  const { port } = server.address() as AddressInfo
  yield* Processes.report({
    liveness: Effect.succeed(json(200, { status: "ok", port })),
    readiness: Effect.succeed(json(200, { status: "ready" })),
    metrics: Effect.succeed({ status: 200, body: `# HELP n N\n# TYPE n counter\nn ${port}\nn{a="b c"} 2\n` })
  })
  return yield* Effect.never
})

const first = Effect.gen(function* () {
  const { lost, status } = yield* Processes.start(Number(count))
  return yield* Effect.gen(function* () {
    const { port } = yield* HealthServer
    const { body } = yield* status.liveness
    yield* Effect.sync(() => console.log(JSON.stringify({ status: port, port: JSON.parse(body).port })))
    return yield* lost
  }).pipe(Effect.provide(HealthServer.layerOf({ host: "127.0.0.1", port: 0 }, status)))
})

Program.run(Processes.isOneOfSeveral() ? one : first)
