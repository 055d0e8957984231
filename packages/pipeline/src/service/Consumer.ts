/**
 * A consumer of the event log: a loop that polls, hands over what came, and begins again where it is committed after a bug.
 * Ingestion, sink and delivery are such consumers.
 */
import type { Position } from "@tributary/domain/event/Position"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Away from "./Away.ts"
import { EventLog, type Polled, type SubscribeOptions, type Subscription } from "./EventLog.ts"
import * as Health from "./Health.ts"
import * as InHand from "./InHand.ts"
import type { LogRecord } from "./LogMessage.ts"
import * as Loop from "./Loop.ts"
import * as Span from "./Span.ts"

export interface Options<R> extends SubscribeOptions {
  /** For logs and liveness. */
  readonly name: string
  /** How long work in hand may take when the scope closes. */
  readonly drain: Duration.Input
  /** Deals with one answer of a poll. Commits what it is done with; nothing is committed by itself. */
  readonly handle: (polled: Polled, subscription: Subscription) => Effect.Effect<void, never, R>
}

const pauseAfterBug = "5 seconds"

/** Consumes until the scope closes; then the work in hand is finished. Waits for the log as long as it takes. */
export const run = <R>(options: Options<R>): Effect.Effect<void, never, R | EventLog | Health.Health | Scope.Scope> =>
  Loop.run(options.drain, (loop) => session(loop, options).pipe(Effect.annotateLogs({ consumer: options.name }))).pipe(
    Effect.asVoid
  )

/**
 * One subscription, for as long as all goes well. A bug ends it, because what was polled must not be passed over: the next one
 * begins at the committed positions again.
 */
const session = <R>(loop: Loop.Loop, options: Options<R>) =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const health = yield* Health.Health
    const subscription = yield* loop.orStop(Away.log(log.subscribe(options)))
    if (subscription === undefined) return
    const poll = Away.log(subscription.poll)
    while (!loop.isStopping()) {
      yield* health.beat(options.name)
      const polled = yield* loop.orStop(poll)
      if (polled === undefined) return
      const handled = options.handle(polled, subscription)
      if (polled._tag === "Records") {
        const attributes = { consumer: options.name, group: options.group, messages: polled.records.length }
        yield* handled.pipe(Span.within("Consumer.batch", attributes), InHand.during("batch"))
      }
      // Changes of assignment hold no work yet: an engine that is away need not be waited for.
      else yield* loop.orStop(handled)
    }
  }).pipe(
    Health.beating(options.name),
    Effect.scoped,
    Effect.catchDefect((bug) =>
      Effect.logError("a bug stopped a batch; it will be delivered again", bug).pipe(
        Effect.andThen(loop.orStop(Effect.sleep(pauseAfterBug)))
      )
    )
  )

/** Commits, for as long as it takes. */
export const commit = (
  subscription: Subscription,
  positions: ReadonlyArray<Position>
): Effect.Effect<void, never, Health.Health> =>
  Away.log(subscription.commit(positions)).pipe(Span.within("Consumer.commit"))

/** Commits, per partition, the position after the last record. */
export const commitAfter = (
  subscription: Subscription,
  records: ReadonlyArray<LogRecord>
): Effect.Effect<void, never, Health.Health> => {
  const next = new Map<string, Position>()
  for (const { offset, partition, topic } of records) {
    next.set(`${topic}:${partition}`, { topic, partition, offset: offset + 1n })
  }
  return commit(subscription, [...next.values()])
}
