/**
 * The consumer of a lane: a batch is processed until everything is acknowledged, then its positions are committed
 * (spec worker 6.2). One batch at a time, in log order per partition; after a failure the log delivers it again, and the
 * fence makes that harmless.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Away from "../service/Away.ts"
import * as Consumer from "../service/Consumer.ts"
import type { Assignment, EventLog } from "../service/EventLog.ts"
import type * as Health from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import { Progress } from "../service/Progress.ts"
import * as BatchMetrics from "./BatchMetrics.ts"
import * as Interleave from "./Interleave.ts"

export interface Options<R> {
  /** For logs and liveness: the lane. */
  readonly name: string
  readonly group: string
  readonly topic: string
  readonly maxMessages: number
  readonly maxBytes: number
  /** Takes records in log order per partition, and by time. Succeeds when every output of the batch is acknowledged. */
  readonly process: (records: ReadonlyArray<LogRecord>) => Effect.Effect<void, never, R>
}

/** Messages are gathered for so long at most once there is one (spec worker 1). */
const gatherMs = 50
/** 0.6 of a consumer session of 30 s: what a batch in hand may take before its partitions are given up. */
const drain = "18 seconds"

export const consume = <R>(
  options: Options<R>
): Effect.Effect<void, never, R | EventLog | Progress | Health.Health | Scope.Scope> => {
  /** By partition, as it was taken over: messages below were applied before. */
  const fences = new Map<number, bigint>()
  return Consumer.run<R | Progress | Health.Health>({
    name: options.name,
    group: options.group,
    topics: [options.topic],
    maxMessages: options.maxMessages,
    maxBytes: options.maxBytes,
    gatherMs,
    drain,
    handle: (polled, subscription) => {
      switch (polled._tag) {
        case "Assigned":
          return assigned(options.group, polled.partitions, fences)
        case "Records":
          return BatchMetrics.counted(
            options.name,
            polled.records,
            Effect.andThen(
              options.process(marked(Interleave.byTime(polled.records), fences)),
              Consumer.commitAfter(subscription, polled.records)
            )
          )
        // Needs nothing: the batch before it is finished and committed by now.
        case "Revoked":
          return Effect.void
      }
    }
  })
}

type Fences = ReadonlyMap<number, bigint>

const marked = (records: ReadonlyArray<LogRecord>, fences: Fences): ReadonlyArray<LogRecord> => {
  const wasApplied = ({ offset, partition }: LogRecord) => offset < (fences.get(partition) ?? 0n)
  if (!records.some(wasApplied)) return records
  return records.map((record) => (wasApplied(record) ? { ...record, wasApplied: true } : record))
}

/** Compares the fence with the log (spec worker 2.7) before the first message of these partitions is looked at. */
const assigned = (group: string, partitions: ReadonlyArray<Assignment>, fences: Map<number, bigint>) =>
  Effect.gen(function* () {
    const progress = yield* Progress
    for (const mark of yield* Away.postgres(progress.assigned(group, partitions))) {
      const { finding, nextOffset, partition, topic } = mark
      fences.set(partition, nextOffset)
      const told = Effect.annotateLogs({ topic, partition, nextOffset: String(nextOffset) })
      if (finding === "topic made anew") {
        yield* told(Effect.logWarning("the topic was made anew: beginning at its start"))
      } else if (finding === "log was cut") {
        yield* told(Effect.logError("the log ends below what was applied: it was cut; going on at its end"))
      }
    }
  })
