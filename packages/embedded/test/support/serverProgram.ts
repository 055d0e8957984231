/**
 * A program with an embedded server, for tests that kill it or run it as another user. Its argument is the layer's options
 * as JSON. It prints one line, the server's URL or why there is none, and stops the server on SIGTERM.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import { Console, Effect, Logger, Redacted } from "effect"

const server = Effect.gen(function* () {
  const { url, lost } = yield* EmbeddedPostgres
  yield* Console.log(Redacted.value(url))
  return yield* lost
})

server.pipe(
  Effect.provide(EmbeddedPostgres.layer({ ...JSON.parse(process.argv[2] ?? "{}"), settings: { fsync: "off" } })),
  Effect.catchTag("StartError", (error) => Console.log(error.message)),
  Effect.provide(Logger.layer([])),
  NodeRuntime.runMain
)
