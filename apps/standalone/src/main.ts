/** `npm start`: everything in one process, on embedded engines. */
import "@tributary/embedded/clickhouse/threads"
import "effect/schema/SchemaJITCompiler/enable"
import * as Ignored from "@tributary/runtime-node/config/Ignored"
import * as Program from "@tributary/runtime-node/process/Program"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { settings } from "./Config.ts"
import { greeting } from "./Greeting.ts"
import * as Standalone from "./Standalone.ts"

const program = Effect.gen(function* () {
  const read = yield* settings
  yield* Ignored.tell(process.env)
  return yield* Standalone.run(read, (address) => Console.log(greeting(read, address)))
})

Program.run(program, { name: "tributary", startedByHand: true })
