/** What the brokers know of offsets: where partitions begin and end, and what groups have committed. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Admin, Kafka } from "kafkajs"
import { keyOf } from "../ConsumerMetrics.ts"
import * as Connection from "./Connection.ts"

export interface Bounds {
  readonly begin: bigint
  /** Offset of the next message. */
  readonly end: bigint
}

export interface Offsets {
  /** By partition. */
  readonly bounds: (topic: string) => Promise<ReadonlyArray<Bounds>>
  /** By `keyOf`; partitions without a commit are left out. */
  readonly committed: (group: string, topics: ReadonlyArray<string>) => Promise<ReadonlyMap<string, bigint>>
}

export const make = (connect: () => Kafka): Effect.Effect<Offsets, never, Scope.Scope> =>
  Effect.gen(function* () {
    let admin: Admin | undefined
    yield* Connection.scoped(() => ({ disconnect: async () => admin?.disconnect() }))

    /** After a failure with another admin client: one keeps what it heard of leaders for five minutes. */
    const use = async <A>(run: (admin: Admin) => Promise<A>): Promise<A> => {
      admin ??= connect().admin()
      const used = admin
      try {
        await used.connect()
        return await run(used)
      } catch (error) {
        if (admin === used) admin = undefined
        used.disconnect().catch(() => {})
        throw error
      }
    }

    return {
      bounds: (topic) =>
        use(async (admin) => {
          const bounds: Array<Bounds> = []
          for (const { high, low, partition } of await admin.fetchTopicOffsets(topic)) {
            bounds[partition] = { begin: BigInt(low), end: BigInt(high) }
          }
          return bounds
        }),
      committed: (group, topics) =>
        use(async (admin) => {
          const committed = new Map<string, bigint>()
          if (topics.length === 0) return committed
          for (const { partitions, topic } of await admin.fetchOffsets({ groupId: group, topics: [...topics] })) {
            for (const { offset, partition } of partitions) {
              if (BigInt(offset) >= 0n) committed.set(keyOf({ topic, partition }), BigInt(offset))
            }
          }
          return committed
        })
    }
  })
