/**
 * Kafka for a program: `Producer` and `EventLog` over the client that `KAFKA_CLIENT` names, once a broker has answered. Brokers
 * that are away are waited for, with a line a minute; what waiting does not mend (a wrong password, an unknown certificate)
 * ends the start with one line.
 */
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { Health } from "@tributary/pipeline/service/Health"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { KafkaClient } from "./KafkaClient.ts"
import * as Lanes from "./Lanes.ts"
import * as Settings from "./Settings.ts"
import * as StartCheck from "./StartCheck.ts"

/** Loads the client's library: both are optional, so it may not be installed. */
export const load = (settings: Settings.KafkaSettings): Effect.Effect<KafkaClient, StartCheck.KafkaStartError> =>
  Effect.tryPromise({
    try: async () =>
      settings.client === "kafkajs"
        ? (await import("./kafkajs/KafkaJs.ts")).client
        : (await import("./platformatic/Platformatic.ts")).client,
    catch: (cause) =>
      new StartCheck.KafkaStartError({ message: `KAFKA_CLIENT=${settings.client}: ${whyNot(settings, cause)}` })
  })

const whyNot = ({ client }: Settings.KafkaSettings, cause: unknown): string => {
  const name = client === "kafkajs" ? "kafkajs" : "@platformatic/kafka"
  const isMissing = Predicate.hasProperty(cause, "code") && cause.code === "ERR_MODULE_NOT_FOUND"
  return isMissing ? `its package is not installed: npm install ${name}` : `${name} cannot be loaded: ${String(cause)}`
}

/** Both services, and the check before them. `gatherMs`: milliseconds for which a batch that is not full waits for more. */
export const layer = (
  settings: Settings.KafkaSettings,
  options: Lanes.LanesOptions
): Layer.Layer<Producer | EventLog, StartCheck.KafkaStartError, Health> =>
  Layer.unwrap(
    Effect.gen(function* () {
      yield* Effect.forEach(Settings.warnings(settings), (line) => Effect.logWarning(line))
      const client = yield* load(settings)
      yield* StartCheck.run(settings, client)
      const lanes = Effect.flatMap(client.lanes(settings), (lanes) => Lanes.make(lanes, options))
      return Layer.merge(Layer.effect(Producer, lanes), client.eventLog(settings))
    })
  )
