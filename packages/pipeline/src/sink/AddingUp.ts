/**
 * The consumer of a table in which a row counts as often as it is inserted: one partition an insert, under bounds that are
 * stored before it (guides clickhouse 5). Bounded.ts has the rules; here they meet log, progress and table.
 */
import * as Effect from "effect/Effect"
import * as Away from "../service/Away.ts"
import type { ClickHouseSink } from "../service/ClickHouseSink.ts"
import * as Consumer from "../service/Consumer.ts"
import type { Assignment, Polled, Subscription } from "../service/EventLog.ts"
import type * as Health from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import { Progress } from "../service/Progress.ts"
import * as Bounded from "./Bounded.ts"
import { type Source, store } from "./Store.ts"

export type Handle = (
  polled: Polled,
  subscription: Subscription
) => Effect.Effect<void, never, ClickHouseSink | Progress | Health.Health>

/** `assignmentOf` answers for the partitions that were handed over so far, the ones of this answer included. */
export const make = (
  source: Source,
  group: string,
  assignmentOf: (partition: number) => Assignment | undefined
): Handle => {
  const { topic } = source
  const states = new Map<number, Bounded.Bounded>()

  const assign = Effect.fnUntraced(function* (partitions: ReadonlyArray<Assignment>) {
    const progress = yield* Progress
    const marks = yield* Away.postgres(progress.assigned(group, partitions))
    for (const mark of marks) {
      const assignment = partitions.find(({ partition }) => partition === mark.partition)
      if (assignment === undefined) continue
      const end = yield* Away.log(assignment.end)
      const { state, wasCut } = Bounded.atAssignment(mark, assignment.committed, end)
      states.set(mark.partition, state)
      const place = { topic, partition: mark.partition }
      if (wasCut || mark.finding === "log was cut") {
        yield* Effect.logError("the log ends below what was inserted: it was cut, and rows may count twice", place)
      } else if (mark.finding === "topic made anew") {
        yield* Effect.logWarning("the topic was made anew: beginning at its start", place)
      }
    }
  })

  /** The row is not as it was: another sink has, or had, the partition. */
  const lookAgain = Effect.fnUntraced(function* (partition: number) {
    const progress = yield* Progress
    const mark = yield* Away.postgres(progress.read(group, { topic, partition }))
    const assignment = assignmentOf(partition)
    if (mark !== undefined) states.set(partition, Bounded.fromMark(mark, undefined))
    else if (assignment !== undefined) yield* assign([assignment])
  })

  const advance = Effect.fnUntraced(function* (
    partition: number,
    polled: ReadonlyArray<LogRecord>,
    subscription: Subscription
  ) {
    const progress = yield* Progress
    const held = states.get(partition)?.held ?? []
    const records = held.length === 0 ? polled : [...held, ...polled]
    while (true) {
      const state = states.get(partition)
      if (state === undefined) return
      const plan = Bounded.plan(state, records)
      if (plan._tag === "Wait") {
        states.set(partition, plan.state)
        // What is held must be read again by whoever comes next.
        const offset = plan.state.held[0]?.offset ?? records[records.length - 1]!.offset + 1n
        return yield* Consumer.commit(subscription, [{ topic, partition, offset }])
      }
      const { start, end } = plan
      if (plan._tag === "Begin") {
        const { seen } = state
        const begun = yield* Away.postgres(progress.begin({ group, topic, partition, seen, start, end }))
        if (!begun) {
          yield* lookAgain(partition)
          continue
        }
      }
      yield* store(source, plan.records, { partition, start, end })
      states.set(partition, Bounded.inserted(plan))
    }
  })

  return (polled, subscription) => {
    switch (polled._tag) {
      case "Assigned":
        return assign(polled.partitions)
      case "Revoked":
        return Effect.sync(() => {
          for (const { partition } of polled.partitions) states.delete(partition)
        })
      case "Records": {
        const byPartition = Map.groupBy(polled.records, ({ partition }) => partition)
        return Effect.forEach(byPartition, ([partition, records]) => advance(partition, records, subscription), {
          discard: true
        })
      }
    }
  }
}
