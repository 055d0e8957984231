/**
 * Step 5: delivery to destinations (spec cdp 3). Three loops: one matches events and enqueues, one sends, one forgets.
 *
 * A consumer of `clickhouse_events_json` of its own, in the worker's process or in another: neither ingestion nor
 * ClickHouse waits for it. When an engine is away the loops wait, as long as it takes.
 */
import * as Topics from "@tributary/domain/row/Topics"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Away from "../service/Away.ts"
import * as Changes from "../service/Changes.ts"
import * as Consumer from "../service/Consumer.ts"
import { DeliveryStore } from "../service/DeliveryStore.ts"
import type { EventGroups } from "../service/EventGroups.ts"
import type { EventLog } from "../service/EventLog.ts"
import type { FunctionStore } from "../service/FunctionStore.ts"
import type * as Health from "../service/Health.ts"
import * as Loop from "../service/Loop.ts"
import type { Outbound } from "../service/Outbound.ts"
import * as Outputs from "../service/Outputs.ts"
import type { Producer } from "../service/Producer.ts"
import type { ProjectStore } from "../service/ProjectStore.ts"
import * as Seldom from "../service/Seldom.ts"
import type * as Attempt from "./Attempt.ts"
import * as Match from "./Match.ts"
import * as Send from "./Send.ts"

export const group = "cdp-processed-events-consumer"

const maxMessages = 500
/** A row per function holds the message once more. */
const maxBytes = 8_000_000
const gatherMs = 50
const drain = "18 seconds"

/** Longer than any redelivery: an event that comes again finds its row. */
const keptMs = 7 * 24 * 3_600_000
const forgetEvery = "1 hour"

export type Services =
  | EventLog
  | Producer
  | FunctionStore
  | ProjectStore
  | EventGroups
  | DeliveryStore
  | Outbound
  | Health.Health

export interface Options extends Attempt.Options {
  /** `KAFKA_PREFIX`; empty by default. */
  readonly topicPrefix?: string
}

/** Delivers until the scope closes; then what is in hand is finished. */
export const run = ({ topicPrefix = "", ...options }: Options): Effect.Effect<void, never, Services | Scope.Scope> =>
  Effect.gen(function* () {
    const enqueued = Changes.make()
    yield* Send.run({ ...options, enqueued })
    yield* Loop.run("5 seconds", (loop) => Effect.andThen(forget, loop.orStop(Effect.sleep(forgetEvery))))
    yield* Consumer.run({
      name: "destinations",
      group,
      topics: [yield* Outputs.topic(Topics.clickhouseEvents)],
      maxMessages,
      maxBytes,
      gatherMs,
      drain,
      handle: (polled, subscription) =>
        polled._tag === "Records"
          ? Match.batch(polled.records, options).pipe(
              Effect.andThen(Consumer.commitAfter(subscription, polled.records)),
              Effect.andThen(Effect.sync(enqueued.happened))
            )
          : Effect.void
    })
  }).pipe(Effect.provideService(Outputs.Prefix, topicPrefix), Effect.provideService(Seldom.Seldom, Seldom.make()))

/** Deletes deliveries that were finished a week ago, and masks whose window is over. */
const forget = Effect.gen(function* () {
  const now = yield* Clock.currentTimeMillis
  yield* Away.postgres(DeliveryStore.use((store) => store.forget(now - keptMs)))
})
