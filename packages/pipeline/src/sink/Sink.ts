/**
 * The sink: a consumer group of its own per topic that fills ClickHouse's tables, where ClickHouse does not read the log by
 * itself (spec worker 5.10). What a poll gathers is one insert: 5,000 rows, 16 MB or 500 ms, whichever comes first.
 *
 * Positions are committed after the acknowledgement only, so nothing is lost. What is inserted twice after a crash collapses
 * in its table; where it would add up, the bounds of each insert are stored before it (AddingUp.ts).
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ClickHouseSink } from "../service/ClickHouseSink.ts"
import * as Consumer from "../service/Consumer.ts"
import type { Assignment, EventLog } from "../service/EventLog.ts"
import type * as Health from "../service/Health.ts"
import type { Progress } from "../service/Progress.ts"
import * as AddingUp from "./AddingUp.ts"
import { type Source, store } from "./Store.ts"
import * as Tables from "./Tables.ts"

export interface Options {
  /** `KAFKA_PREFIX`. */
  readonly topicPrefix: string
  /** `CLICKHOUSE_KAFKA_GROUP_PREFIX`: before the topic in the group's name, as of ClickHouse's own Kafka tables. */
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

type Needs = ClickHouseSink | EventLog | Progress | Health.Health

/** Runs a consumer for each topic until the scope closes; then what is in hand is stored and committed. */
export const run = (options: Options): Effect.Effect<void, never, Needs | Scope.Scope> =>
  Effect.forEach(options.targets ?? Tables.targets, (target) => consume(options, target), { discard: true })

const consume = (options: Options, target: Tables.Target) => {
  const topic = options.topicPrefix + target.topic
  const group = options.groupPrefix + topic
  const assigned = new Map<number, Assignment>()
  const source: Source = { target, topic, topicId: (partition) => assigned.get(partition)?.topicId }
  const handle =
    target.twice === "collapses"
      ? collapsing(source)
      : AddingUp.make(source, group, (partition) => assigned.get(partition))
  return Consumer.run({
    name: group,
    group,
    topics: [topic],
    maxMessages: options.maxRows ?? 5_000,
    maxBytes,
    gatherMs: options.flushMs ?? 500,
    drain,
    handle: (polled, subscription) => {
      if (polled._tag === "Assigned") for (const found of polled.partitions) assigned.set(found.partition, found)
      return handle(polled, subscription)
    }
  })
}

/** Rows of all partitions in one insert: the bigger the better. */
const collapsing =
  (source: Source): AddingUp.Handle =>
  (polled, subscription) =>
    polled._tag === "Records"
      ? Effect.andThen(
          store(source, polled.records),
          Effect.suspend(() => Consumer.commitAfter(subscription, polled.records))
        )
      : Effect.void
