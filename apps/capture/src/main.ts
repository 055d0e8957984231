/** The HTTP front door as a program of its own, in front of Kafka. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { explain } from "@tributary/runtime-node/config/Explain"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Settings from "./Config.ts"

/** Why the program does not start: one line for operators. */
class StartError extends Data.TaggedError("StartError")<{ readonly line: string }> {}

const host = "0.0.0.0"

const settings = Config.all({
  server: Settings.server({ host }),
  capture: Settings.capture,
  health: Settings.health({ host }),
  kafkaHosts: Settings.kafkaHosts
})

const program = Effect.gen(function* () {
  const { kafkaHosts } = yield* settings
  if (kafkaHosts === undefined) {
    return yield* new StartError({
      line: "KAFKA_HOSTS is not set: capture needs the brokers of the event log, as a comma list (npm start needs none)"
    })
  }
  // Here `CaptureApp.layer` is to be launched over Kafka's `Producer` and PostgreSQL's `ProjectStore`.
  return yield* new StartError({
    line: `KAFKA_HOSTS=${kafkaHosts}: this version has no Kafka client; npm start runs without one`
  })
}).pipe(
  Effect.catchTags({
    ConfigError: (error) => Effect.andThen(Console.error(explain(error, process.env)), Effect.fail(1)),
    StartError: ({ line }) => Effect.andThen(Console.error(line), Effect.fail(1))
  })
)

NodeRuntime.runMain(program, { disableErrorReporting: true })
