/** The commands of the images, each where the image has it: in a folder with what the Dockerfile copies and installs, and nothing else. */
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Port from "@tributary/embedded/process/Port"
import { Effect } from "effect"
import { capture, events } from "../../apps/standalone/test/support/Start.ts"
import * as Folder from "../../packages/embedded/test/support/Folder.ts"
import * as Image from "./support/Image.ts"

/** A server that answers its liveness with what `status` says. */
const answering = (status: () => number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const made = createServer((request, response) => {
          response.writeHead(request.url === "/_liveness" ? status() : 404).end()
        })
        made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
      }),
      (made) => Effect.callback<void>((resume) => void made.close(() => resume(Effect.void)))
    ),
    (server) => {
      const address = server.address()
      return typeof address === "object" && address !== null ? String(address.port) : ""
    }
  )

describe("the commands of the images", { timeout: 240_000 }, () => {
  for (const name of ["capture", "worker"]) {
    it.live(`${name} without settings ends with 1 and one line that names what is missing`, () =>
      Effect.gen(function* () {
        const image = yield* Image.make(name)
        const { code, errors, printed } = yield* (yield* image.start({})).ended
        assert.deepStrictEqual([code, printed], [1, ""])
        assert.match(errors, /^KAFKA_HOSTS is not set.*\n$/)
      })
    )
  }

  it.live("standalone, which can be reached from outside, wants ADMIN_TOKEN; with it an event arrives", () =>
    Effect.gen(function* () {
      const image = yield* Image.make("standalone")
      const [port, postgresPort, clickhousePort] = yield* Effect.all([Port.take, Port.take, Port.take])
      const settings = {
        DATA_DIR: join(yield* Folder.make, "data"),
        PORT: String(port),
        POSTGRES_PORT: String(postgresPort),
        CLICKHOUSE_HTTP_PORT: String(clickhousePort)
      }
      const refused = yield* (yield* image.start(settings)).ended
      assert.strictEqual(refused.code, 1)
      assert.match(refused.errors, /^ADMIN_TOKEN is not set, .+\n$/)
      assert.isFalse(existsSync(settings.DATA_DIR))
      assert.strictEqual(yield* image.health(settings), 1)

      const program = yield* image.start({ ...settings, ADMIN_TOKEN: "secret", LOG_FORMAT: "pretty" })
      const printed = yield* program.said("Ctrl-C drains and stops.")
      assert.include(printed, `Tributary is ready at http://127.0.0.1:${port}`)
      assert.notInclude(printed, "secret")
      assert.strictEqual(yield* image.health(settings), 0)
      assert.strictEqual((yield* capture({ port }, "hello")).status, 200)
      assert.deepStrictEqual(yield* events({ clickhousePort }, ["hello"]), ["hello"])
      const { code, errors } = yield* program.kill("SIGTERM")
      assert.deepStrictEqual([code, errors], [0, ""])
    })
  )

  it.live(
    "the health check asks for liveness at the port of the setting, and answers as container engines expect",
    () =>
      Effect.gen(function* () {
        let status = 200
        const port = yield* answering(() => status)
        const { health } = yield* Image.make("worker")
        assert.strictEqual(yield* health({ HEALTH_PORT: port }), 0)
        assert.strictEqual(yield* health({ HTTP_SERVER_PORT: port }), 0)
        status = 503
        assert.strictEqual(yield* health({ HEALTH_PORT: port }), 1)
        assert.strictEqual(yield* health({ HEALTH_PORT: String(yield* Port.take) }), 1)
      })
  )
})
