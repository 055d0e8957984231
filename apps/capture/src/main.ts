/** Capture as a program of its own, in front of Kafka. */
import * as Ignored from "@tributary/runtime-node/config/Ignored"
import * as Processes from "@tributary/runtime-node/process/Processes"
import * as Program from "@tributary/runtime-node/process/Program"
import * as Effect from "effect/Effect"
import * as Capture from "./Capture.ts"
import { settings } from "./Config.ts"

const program = Effect.gen(function* () {
  const read = yield* settings
  // Of several processes the first one tells it for all.
  if (!Processes.isOneOfSeveral()) yield* Ignored.tell(process.env)
  return yield* Capture.run(read)
})

Program.run(program, { name: "tributary-capture" })
