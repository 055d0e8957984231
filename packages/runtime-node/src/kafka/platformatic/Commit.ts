/**
 * Commits under the identity that a lease had. The client's own commit joins the group again when it is refused, and repeats
 * itself with the new identity: so a late member sets offsets back (guides kafka-consumer 0.1).
 */
import { offsetCommitV9 } from "@platformatic/kafka"
import type { Position } from "@tributary/domain/event/Position"
import { EventLogError } from "@tributary/pipeline/service/EventLog"
import * as Effect from "effect/Effect"
import { keyOf } from "../ConsumerMetrics.ts"
import * as Failure from "./Failure.ts"
import type { KafkaConsumer } from "./FetchingConsumer.ts"
import type { Lease } from "./Member.ts"

const fencing = new Set(["ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "FENCED_INSTANCE_ID"])

const mostTries = 10
const pauseMs = 200

/**
 * Fenced: the partitions are another's, or will be read again. `isCurrent` tells whether the lease is still the member's. A
 * commit whose answer is lost is looked for.
 */
export const commit = (
  lease: Lease,
  group: string,
  positions: ReadonlyArray<Position>,
  isCurrent: () => boolean
): Effect.Effect<"Committed" | "Fenced", EventLogError> =>
  Effect.gen(function* () {
    for (let tries = 1; ; tries++) {
      // A member that joins again gets no answer before the group is divided, which may wait for one that is dead.
      if (!isCurrent()) return "Fenced"
      const failed = yield* attempt(() => send(lease, group, positions)).pipe(
        Effect.as(undefined),
        Effect.catch((error) => Effect.succeed(error))
      )
      if (failed === undefined) return "Committed"
      if ([...Failure.protocolErrors(failed.cause)].some((id) => fencing.has(id))) return "Fenced"
      // Also has the client forget which broker coordinates the group.
      const arrived = yield* Effect.orElseSucceed(
        attempt(() => isCommitted(lease.consumer, positions)),
        () => false
      )
      if (arrived) return "Committed"
      if (tries === mostTries && isCurrent()) {
        lease.giveUp(failed.cause)
        return yield* new EventLogError({ operation: "commit", cause: Failure.deepest(failed.cause) })
      }
      yield* Effect.sleep(pauseMs * tries)
    }
  })

const attempt = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new EventLogError({ operation: "commit", cause }) })

const send = async (
  { consumer, generation, memberId }: Lease,
  group: string,
  positions: ReadonlyArray<Position>
): Promise<void> => {
  const coordinator = await consumer.findGroupCoordinator()
  const { brokers } = await consumer.metadata({ topics: [] })
  const broker = brokers.get(coordinator)
  if (broker === undefined) throw new Error(`the group's coordinator, broker ${coordinator}, is not there`)
  const connection = await consumer.connections.get(broker)
  const topics = [...Map.groupBy(positions, ({ topic }) => topic)].map(([name, of]) => ({
    name,
    partitions: of.map(({ offset, partition }) => ({
      partitionIndex: partition,
      committedOffset: offset,
      committedLeaderEpoch: -1
    }))
  }))
  await offsetCommitV9.api.async(connection, group, generation, memberId, null, topics)
}

/** Committed offsets of partitions, by `keyOf`; those without one are left out. */
export const committedOffsets = async (
  consumer: KafkaConsumer,
  places: ReadonlyArray<Pick<Position, "topic" | "partition">>
): Promise<ReadonlyMap<string, bigint>> => {
  const topics = [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, of]) => ({
    topic,
    partitions: of.map(({ partition }) => partition)
  }))
  const found = new Map<string, bigint>()
  if (topics.length === 0) return found
  for (const [topic, offsets] of await consumer.listCommittedOffsets({ topics })) {
    // Holes are partitions that were not asked for.
    for (const [partition, offset] of offsets.entries()) {
      if (offset !== undefined && offset >= 0n) found.set(keyOf({ topic, partition }), offset)
    }
  }
  return found
}

const isCommitted = async (consumer: KafkaConsumer, positions: ReadonlyArray<Position>): Promise<boolean> => {
  const committed = await committedOffsets(consumer, positions)
  return positions.every((position) => (committed.get(keyOf(position)) ?? -1n) >= position.offset)
}
