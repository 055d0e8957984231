/**
 * The topics that the pipeline writes, behind `KAFKA_PREFIX` (spec worker 0.2).
 *
 * Inside, they go by their bare names, in outbox rows too: the prefix comes on where messages are appended, and nowhere
 * else. So what an earlier start left in the outbox is published under the prefix of the present one, whose tables read it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { LogMessage } from "./LogMessage.ts"
import { Producer, type ProducerError, type Rejection } from "./Producer.ts"

/** What stands before the name of every topic. A program sets it once, around all that it runs. */
export const Prefix = Context.Reference<string>("@tributary/pipeline/Outputs/Prefix", { defaultValue: () => "" })

/** The whole name of a topic. */
export const topic = (name: string): Effect.Effect<string> => Effect.map(Prefix, (prefix) => prefix + name)

/** As `Producer.send`, for messages that name their topics without the prefix. */
export const send = (
  messages: ReadonlyArray<LogMessage>
): Effect.Effect<ReadonlyArray<Rejection>, ProducerError, Producer> =>
  Effect.gen(function* () {
    const prefix = yield* Prefix
    const producer = yield* Producer
    return yield* producer.send(
      prefix === "" ? messages : messages.map((message) => ({ ...message, topic: prefix + message.topic }))
    )
  })
