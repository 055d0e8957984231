/**
 * The loop around ingestion: poll a batch, process it until everything is acknowledged, commit its positions
 * (spec worker 6.2). One batch at a time, in log order per partition; after a failure the batch is what the log delivers
 * again, and the fence makes that harmless.
 */
import type { Position } from "@tributary/domain/event/Position"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Assignment, EventLog, type EventLogError, type Subscription } from "../service/EventLog.ts"
import * as Health from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import * as Loop from "../service/Loop.ts"
import { Progress } from "../service/Progress.ts"

export interface Options<R> {
  /** For logs and liveness: the lane. */
  readonly name: string
  readonly group: string
  readonly topic: string
  readonly maxMessages: number
  readonly maxBytes: number
  /** Succeeds when every output of the batch is acknowledged. */
  readonly process: (records: ReadonlyArray<LogRecord>) => Effect.Effect<void, never, R>
}

const logAway = Health.untilBack<EventLogError>("the log", (error) => `${error.operation}: ${String(error.cause)}`)

/** Messages are gathered for so long at most once there is one (spec worker 1). */
const gatherMs = 50
/** 0.6 of a consumer session of 30 s: what a batch in hand may take before its partitions are given up. */
const drain = "18 seconds"
const pauseAfterBug = "5 seconds"

export const consume = <R>(
  options: Options<R>
): Effect.Effect<void, never, R | EventLog | Progress | Health.Health | Scope.Scope> =>
  Loop.run(drain, (loop) => session(loop, options).pipe(Effect.annotateLogs({ lane: options.name }))).pipe(
    Effect.asVoid
  )

/**
 * One subscription, for as long as all goes well. A bug ends it, because what was polled must not be passed over: the next one
 * begins at the committed positions again.
 */
const session = <R>(loop: Loop.Loop, options: Options<R>) =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const subscription = yield* logAway(
      log.subscribe({
        group: options.group,
        topics: [options.topic],
        maxMessages: options.maxMessages,
        maxBytes: options.maxBytes,
        gatherMs
      })
    )
    while (!loop.isStopping()) yield* step(loop, subscription, options)
  }).pipe(
    Effect.scoped,
    Effect.catchDefect((bug) =>
      Effect.logError("a bug stopped a batch; it will be delivered again", bug).pipe(
        Effect.andThen(loop.orStop(Effect.sleep(pauseAfterBug)))
      )
    )
  )

const step = <R>(loop: Loop.Loop, subscription: Subscription, options: Options<R>) =>
  Effect.gen(function* () {
    yield* Health.Health.use((health) => health.beat(options.name))
    const polled = yield* loop.orStop(logAway(subscription.poll))
    switch (polled?._tag) {
      case "Assigned":
        return yield* assigned(options.group, polled.partitions)
      case "Records":
        yield* options.process(polled.records)
        return yield* logAway(subscription.commit(after(polled.records)))
      // A revocation needs nothing: the batch before it is finished and committed by now.
      case "Revoked":
      case undefined:
        return
    }
  })

/** Compares the fence with the log (spec worker 2.7) before the first message of these partitions is looked at. */
const assigned = (group: string, partitions: ReadonlyArray<Assignment>) =>
  Effect.gen(function* () {
    const progress = yield* Progress
    const marks = yield* progress
      .assigned(group, partitions)
      .pipe(Health.untilBack("PostgreSQL", (error) => `${error.operation}: ${String(error.cause)}`))
    for (const { finding, nextOffset, partition, topic } of marks) {
      if (finding === "unchanged" || finding === "new") continue
      const told = Effect.annotateLogs({ topic, partition, nextOffset: String(nextOffset) })
      yield* finding === "log was cut"
        ? told(Effect.logError("the log ends below what was applied: it was cut; going on at its end"))
        : told(Effect.logWarning("the topic was made anew: beginning at its start"))
    }
  })

/** Per partition, the position after the last record. */
const after = (records: ReadonlyArray<LogRecord>): ReadonlyArray<Position> => {
  const last = new Map<string, Position>()
  for (const { offset, partition, topic } of records) {
    last.set(`${topic}:${partition}`, { topic, partition, offset: offset + 1n })
  }
  return [...last.values()]
}
