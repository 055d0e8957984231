/** `npm start`: everything in one process, on embedded engines. */
import "@tributary/embedded/clickhouse/threads"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { explain } from "@tributary/runtime-node/config/Explain"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { settings } from "./Config.ts"
import * as Standalone from "./Standalone.ts"

const program = Effect.gen(function* () {
  const read = yield* settings
  yield* Standalone.run(read, ({ host, port }) =>
    Console.log(`Tributary is ready at http://${host}:${port}, project token ${read.projectToken}`)
  )
}).pipe(
  Effect.scoped,
  Effect.catchTag("ConfigError", (error) => Effect.andThen(Console.error(explain(error, process.env)), Effect.fail(1)))
)

NodeRuntime.runMain(program)
