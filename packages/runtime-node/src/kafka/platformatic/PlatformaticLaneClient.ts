/**
 * Sends for the lanes with `@platformatic/kafka`, without retries of its own: several partitions a send, of which only those
 * count that an answer acknowledges (guides kafka-producer 8.5). Idempotent: one partition a send, and retries that the
 * brokers tell from new messages (8.4).
 */
import { Producer } from "@platformatic/kafka"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LaneBatch, LaneClient, Outcome } from "../LaneClient.ts"
import type { KafkaSettings } from "../Settings.ts"
import * as Connection from "./Connection.ts"
import * as Failure from "./Failure.ts"
import * as Records from "./Records.ts"

const limits = {
  /** That brokers wait for their replicas: kept short, because meanwhile nothing else goes to that partition. */
  timeout: 5_000,
  requestTimeout: 10_000,
  connectTimeout: 5_000,
  metadataMaxAge: 5_000
}

/** Milliseconds before the nth retry. */
const retryDelay = (_: object, __: string, attempt: number): number => Math.min(2_000, 100 * 2 ** attempt)

export const make = (settings: KafkaSettings): Effect.Effect<LaneClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { compression, idempotent } = settings
    const producer = yield* Connection.scoped(
      () =>
        new Producer<Buffer | null, Buffer, Buffer, Buffer | null>({
          ...Connection.options(settings),
          ...limits,
          autocreateTopics: false,
          idempotent,
          ...(idempotent ? { retries: 4, retryDelay, maxInflights: 1 } : { retries: 0, maxInflights: 5 })
        }),
      (producer) => producer.close(true)
    )

    const send = async (batches: ReadonlyArray<LaneBatch>): Promise<ReadonlyArray<Outcome>> => {
      try {
        const gone = await missing(producer, batches)
        if (gone !== undefined) return batches.map(() => ({ _tag: "Unavailable", cause: gone, unknown: false }))
        // The constructor ignores `acks`. Where one partition's leader has moved, the client would repeat the others, too:
        // topics made a moment before held most messages twice.
        const messages = batches.flatMap(Records.toMessages)
        const { offsets = [] } = await producer.send({
          messages,
          acks: -1,
          compression,
          repeatOnStaleMetadata: idempotent
        })
        const stored = new Set(offsets.map(({ partition, topic }) => `${topic}:${partition}`))
        return batches.map(({ partition, topic }): Outcome => {
          if (stored.has(`${topic}:${partition}`)) return { _tag: "Stored" }
          const cause = `the brokers' answer does not name partition ${partition} of ${topic}`
          return { _tag: "Unavailable", cause, unknown: true }
        })
      } catch (error) {
        // Leaders may have moved, and without retries the client would not ask before `metadataMaxAge`.
        producer.clearMetadata()
        const known = Failure.outcomesIn(error)
        return batches.map(({ partition, topic }): Outcome => {
          const outcome = known.get(`${topic}:${partition}`)
          if (outcome !== undefined) return outcome
          if (batches.length === 1) return Failure.outcomeOf(error)
          // Sent again alone, it gets an answer of its own.
          return { _tag: "Unavailable", cause: Failure.deepest(error), unknown: true }
        })
      }
    }

    return {
      partitions: (topic) =>
        Effect.tryPromise({
          try: async () => {
            const { topics } = await producer.metadata({ topics: [topic], forceUpdate: true, retries: 0 })
            const count = topics.get(topic)?.partitionsCount ?? 0
            if (count === 0) throw new Error(`${topic} has no partitions`)
            return count
          },
          catch: Failure.noPartitions
        }),
      send: (batches) => Effect.promise(() => send(batches)),
      batchesPerSend: idempotent ? 1 : Number.POSITIVE_INFINITY
    }
  })

/**
 * Which partition is not there any more: a topic may be made anew with fewer of them. The client would send to another one,
 * again and again, because no answer names the one that was meant.
 */
const missing = async (
  producer: Pick<Producer, "metadata">,
  batches: ReadonlyArray<LaneBatch>
): Promise<string | undefined> => {
  const names = new Set(batches.map(({ topic }) => topic))
  const { topics } = await producer.metadata({ topics: [...names] })
  const gone = batches.find(({ partition, topic }) => partition >= (topics.get(topic)?.partitionsCount ?? 0))
  return gone && `${gone.topic} has no partition ${gone.partition}`
}
