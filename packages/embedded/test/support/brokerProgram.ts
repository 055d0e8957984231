/** As serverProgram.ts, with a Kafka broker. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import { Console, Effect, Logger } from "effect"

const broker = Effect.gen(function* () {
  const { host, lost } = yield* EmbeddedKafka
  yield* Console.log(host)
  return yield* lost
})

broker.pipe(
  Effect.provide(EmbeddedKafka.layer(JSON.parse(process.argv[2] ?? "{}"))),
  Effect.catchTag("StartError", (error) => Console.log(error.message)),
  Effect.provide(Logger.layer([])),
  NodeRuntime.runMain
)
