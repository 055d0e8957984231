/** `npm run stack -- --workers N`: the production assembly on this machine. */
import { parseArgs } from "node:util"
import { StartError } from "@tributary/embedded/StartError"
import * as Program from "@tributary/runtime-node/process/Program"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Config from "./Config.ts"
import { greeting } from "./Greeting.ts"
import * as Stack from "./Stack.ts"

/** Of the command line. */
const workers = Effect.try({
  try: () => parseArgs({ options: { workers: { type: "string", default: "1" } } }).values.workers,
  catch: (cause) => new StartError({ message: cause instanceof Error ? cause.message : String(cause) })
}).pipe(
  Effect.flatMap((text) =>
    /^[1-9]\d?$/.test(text)
      ? Effect.succeed(Number(text))
      : Effect.fail(new StartError({ message: `--workers ${text}: a whole number from 1 to 99` }))
  )
)

const program = Effect.gen(function* () {
  const settings = { ...(yield* Config.settings), workers: yield* workers }
  yield* Console.log("Starting PostgreSQL, Kafka, ClickHouse, workers and capture …")
  return yield* Stack.run(settings, Console.log(greeting(settings)))
})

Program.run(program, { name: "tributary-stack", startedByHand: true })
