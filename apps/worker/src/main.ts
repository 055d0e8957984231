/** The worker as a program of its own, on Kafka, PostgreSQL and ClickHouse. */
import "effect/schema/SchemaJITCompiler/enable"
import * as Ignored from "@tributary/runtime-node/config/Ignored"
import * as Program from "@tributary/runtime-node/process/Program"
import * as Effect from "effect/Effect"
import { settings } from "./Config.ts"
import * as Worker from "./Worker.ts"

const program = Effect.gen(function* () {
  const read = yield* settings
  yield* Ignored.tell(process.env)
  return yield* Worker.run(read)
})

Program.run(program, { name: "tributary-worker" })
