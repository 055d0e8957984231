/**
 * The sink: a consumer group of its own per topic that fills ClickHouse's tables, where ClickHouse does not read the log by
 * itself (spec worker 5.10). What a poll gathers is one insert: 5,000 rows, 16 MB or 500 ms, whichever comes first.
 *
 * Positions are committed after the acknowledgement only, so nothing is lost; what is inserted twice after a crash
 * collapses in its table, and where it would not (`adds up`), the bounds of each insert are stored before it (Bounded.ts).
 */
import type { Position } from "@tributary/domain/event/Position"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClickHouseSink } from "../service/ClickHouseSink.ts"
import { type Assignment, EventLog, type EventLogError, type Polled, type Subscription } from "../service/EventLog.ts"
import * as Health from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import * as Loop from "../service/Loop.ts"
import { Progress } from "../service/Progress.ts"
import type { StoreError } from "../service/StoreError.ts"
import * as Bounded from "./Bounded.ts"
import { type Source, store } from "./Store.ts"
import * as Tables from "./Tables.ts"

export interface Options {
  /** `KAFKA_PREFIX`. */
  readonly topicPrefix: string
  /** `CLICKHOUSE_KAFKA_GROUP_PREFIX`: the group is this, the topic's prefix and its name, as of ClickHouse's Kafka tables. */
  readonly groupPrefix: string
  /** All topics by default. */
  readonly targets?: ReadonlyArray<Tables.Target> | undefined
  /** 5,000 by default. */
  readonly maxRows?: number | undefined
  /** Milliseconds; 500 by default. */
  readonly flushMs?: number | undefined
}

/** What an insert holds at most; the engine's memory while it parses is a few times that. */
const maxBytes = 16_000_000
/** An insert in hand is given so long when the sink stops; it is repeated by whoever comes next if that is too short. */
const drain = "10 seconds"

const logAway = Health.untilBack<EventLogError>("the log", (error) => `${error.operation}: ${String(error.cause)}`)
const progressAway = Health.untilBack<StoreError | EventLogError>(
  "PostgreSQL",
  (error) => `${error.operation}: ${String(error.cause)}`
)

type Needs = ClickHouseSink | EventLog | Progress | Health.Health

/** Runs a consumer for each topic until the scope closes; then what is in hand is stored and committed. */
export const run = (options: Options): Effect.Effect<void, never, Needs | Scope.Scope> =>
  Effect.forEach(options.targets ?? Tables.targets, (target) => consume(options, target), { discard: true })

const consume = Effect.fnUntraced(function* (options: Options, target: Tables.Target) {
  const log = yield* EventLog
  const topic = options.topicPrefix + target.topic
  const group = options.groupPrefix + topic
  const subscription = yield* logAway(
    log.subscribe({
      group,
      topics: [topic],
      maxMessages: options.maxRows ?? 5_000,
      maxBytes,
      gatherMs: options.flushMs ?? 500
    })
  )
  const assigned = new Map<number, Assignment>()
  const source: Source = { target, topic, topicId: (partition) => assigned.get(partition)?.topicId }
  const consumer =
    target.twice === "collapses"
      ? collapsing(source, subscription)
      : addingUp(source, subscription, group, (partition) => assigned.get(partition))

  const step = Effect.fnUntraced(function* (loop: Loop.Loop) {
    const polled = yield* beating(group, loop.orStop(logAway(subscription.poll)))
    if (polled?._tag === "Assigned") for (const found of polled.partitions) assigned.set(found.partition, found)
    if (polled !== undefined) yield* beating(group, consumer(polled))
  })
  yield* Loop.run(drain, (loop) =>
    step(loop).pipe(
      Effect.tapDefect((bug) => Effect.logError("a bug stopped the sink of a table", bug)),
      Effect.annotateLogs({ sink: target.table })
    )
  )
})

/** Waiting, for messages or for an engine, is a step too (spec worker 6.10). */
const beating = <A, E, R>(loop: string, self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(
    self,
    Health.Health.use((health) => health.beat(loop)).pipe(Effect.andThen(Effect.sleep("20 seconds")), Effect.forever)
  )

type Consumer = (polled: Polled) => Effect.Effect<void, never, ClickHouseSink | Progress | Health.Health>

/** Rows of all partitions in one insert: the bigger the better. */
const collapsing =
  (source: Source, subscription: Subscription): Consumer =>
  (polled) =>
    polled._tag === "Records"
      ? Effect.andThen(
          store(source, polled.records),
          Effect.suspend(() => logAway(subscription.commit(after(polled.records))))
        )
      : Effect.void

/** Per partition, the position after the last record. */
const after = (records: ReadonlyArray<LogRecord>): ReadonlyArray<Position> => {
  const last = new Map<number, Position>()
  for (const { offset, partition, topic } of records) last.set(partition, { topic, partition, offset: offset + 1n })
  return [...last.values()]
}

/** One partition an insert, under bounds that are stored before it. */
const addingUp = (
  source: Source,
  subscription: Subscription,
  group: string,
  assignmentOf: (partition: number) => Assignment | undefined
): Consumer => {
  const { topic } = source
  const states = new Map<number, Bounded.Bounded>()

  const assign = Effect.fnUntraced(function* (partitions: ReadonlyArray<Assignment>) {
    const progress = yield* Progress
    const marks = yield* progressAway(progress.assigned(group, partitions))
    for (const mark of marks) {
      const assignment = partitions.find(({ partition }) => partition === mark.partition)
      if (assignment === undefined) continue
      const end = yield* logAway(assignment.end)
      const { state, wasCut } = Bounded.atAssignment(mark, assignment.committed, end)
      if (wasCut || mark.finding === "log was cut") {
        yield* Effect.logError("the log ends below what was inserted: it was cut, and rows may count twice", {
          topic,
          partition: mark.partition
        })
      } else if (mark.finding === "topic made anew") {
        yield* Effect.logWarning("the topic was made anew: beginning at its start", {
          topic,
          partition: mark.partition
        })
      }
      states.set(mark.partition, state)
    }
  })

  /** The row is not as it was: another sink has, or had, the partition. */
  const lookAgain = Effect.fnUntraced(function* (partition: number) {
    const progress = yield* Progress
    const mark = yield* progressAway(progress.read(group, { topic, partition }))
    const assignment = assignmentOf(partition)
    if (mark !== undefined) states.set(partition, Bounded.fromMark(mark, undefined))
    else if (assignment !== undefined) yield* assign([assignment])
  })

  const advance = Effect.fnUntraced(function* (partition: number, polled: ReadonlyArray<LogRecord>) {
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
        const next = plan.state.held[0] ?? records.at(-1)
        if (next === undefined) return
        const offset = plan.state.held.length > 0 ? next.offset : next.offset + 1n
        return yield* logAway(subscription.commit([{ topic, partition, offset }]))
      }
      const { start, end } = plan
      if (plan._tag === "Begin") {
        const { seen } = state
        const begun = yield* progressAway(progress.begin({ group, topic, partition, seen, start, end }))
        if (!begun) {
          yield* lookAgain(partition)
          continue
        }
        states.set(partition, { ...state, seen: { nextOffset: start, pendingEnd: end } })
      }
      yield* store(source, plan.records, { partition, start, end })
      states.set(partition, Bounded.inserted(states.get(partition) ?? state, end))
    }
  })

  return (polled) => {
    switch (polled._tag) {
      case "Assigned":
        return assign(polled.partitions)
      case "Revoked":
        return Effect.sync(() => {
          for (const { partition } of polled.partitions) states.delete(partition)
        })
      case "Records": {
        const byPartition = Map.groupBy(polled.records, ({ partition }) => partition)
        return Effect.forEach(byPartition, ([partition, records]) => advance(partition, records), { discard: true })
      }
    }
  }
}
