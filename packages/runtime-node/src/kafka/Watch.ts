/**
 * Kafka, looked at from time to time, for a program that only writes: the loops of one that reads tell of an outage by
 * themselves, and this one would learn of it from requests alone, which nobody sends to a program that is not ready.
 */
import * as Health from "@tributary/pipeline/service/Health"
import * as Effect from "effect/Effect"
import type { AdminError, KafkaClient } from "./KafkaClient.ts"
import type { KafkaSettings } from "./Settings.ts"

/** Looks every 10 s, for ever. While no broker answers, readiness says why, and so does a line a minute (spec capture 1.6). */
export const run = (settings: KafkaSettings, client: KafkaClient): Effect.Effect<never, never, Health.Health> =>
  Effect.gen(function* () {
    const { check } = yield* client.admin(settings)
    const explain = ({ detail }: AdminError) => `${settings.hosts.join(",")}: ${detail}`
    const look = Health.untilBack("the log", explain)(check)
    return yield* Effect.forever(Effect.andThen(Effect.sleep("10 seconds"), look))
  }).pipe(Effect.scoped)
