/**
 * `npm run reset`: removes the embedded engines' data (`DATA_DIR`), after asking, or at once with `--yes`. Refuses a folder
 * that is in use, and one that holds anything else.
 */
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { createInterface } from "node:readline/promises"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as DataDir from "@tributary/embedded/DataDir"
import * as EmbeddedPostgres from "@tributary/embedded/postgres/EmbeddedPostgres"
import { dataDir } from "@tributary/runtime-node/config/Common"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

class Declined extends Data.TaggedError("Declined") {}

const ask = (path: string): Effect.Effect<void, Declined> =>
  Effect.gen(function* () {
    const answer = yield* Effect.promise(async (signal) => {
      const terminal = createInterface({ input: process.stdin, output: process.stdout })
      // Standard input that ends is an answer too.
      const ended = new Promise<string>((done) => terminal.once("close", () => done("")))
      const answered = terminal.question(`Remove all events and people in ${path}? Type yes: `, { signal })
      return await Promise.race([answered, ended]).finally(() => terminal.close())
    })
    if (answer.trim().toLowerCase() !== "yes") return yield* new Declined()
  })

const reset = Effect.gen(function* () {
  const path = resolve(yield* dataDir)
  if (!existsSync(path)) return yield* Console.log(`There is nothing to remove: ${path} does not exist.`)
  yield* DataDir.remove(path, (real) =>
    Effect.andThen(process.argv.includes("--yes") ? Effect.void : ask(real), EmbeddedPostgres.endStrays(real))
  )
  yield* Console.log(`Removed ${path}.`)
})

const fail = (message: string) =>
  Effect.andThen(
    Console.error(message),
    Effect.sync(() => {
      process.exitCode = 1
    })
  )

reset.pipe(
  Effect.catchTags({
    Declined: () => Console.log("Nothing was removed."),
    ConfigError: ({ message }) => fail(message),
    StartError: ({ message }) => fail(message)
  }),
  NodeRuntime.runMain
)
