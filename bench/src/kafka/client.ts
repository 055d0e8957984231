/** One Kafka client alone (`KAFKA_CLIENT`): it sends messages and waits for them, or reads and commits them. */
import { EventLog } from "@tributary/pipeline/service/EventLog"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { Producer } from "@tributary/pipeline/service/Producer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as LogRange from "../LogRange.ts"
import * as Measured from "../process/Measured.ts"
import * as World from "../World.ts"
import * as Lane from "../worker/Lane.ts"
import type * as Mix from "../worker/Mix.ts"

export interface Sending extends Mix.Wanted {
  readonly topic: string
}

export interface Reading {
  readonly topic: string
  readonly group: string
  readonly count: number
}

export type ClientQuestions = {
  /** Makes messages. */
  readonly prepare: readonly [Sending, null]
  /** Appends them, two slices on their way at a time. */
  readonly produce: readonly [undefined, null]
  /** Joins a group, reads and commits so many messages, and leaves. */
  readonly consume: readonly [Reading, null]
  /** What was read last. */
  readonly summary: readonly [undefined, LogRange.Summary]
}

/** What this case looks at of a message: not its time, and not its place. */
const contentOf = (value: Uint8Array | null): string => Buffer.from(value ?? []).toString("latin1")

const consumed = Effect.fnUntraced(function* ({ count, group, topic }: Reading) {
  const log = yield* EventLog
  const options = { group, topics: [topic], maxMessages: 500, maxBytes: 16_000_000, gatherMs: 50 }
  const subscription = yield* log.subscribe(options)
  const values: Array<Uint8Array | null> = []
  while (values.length < count) {
    const polled = yield* subscription.poll
    if (polled._tag !== "Records") continue
    const reached = new Map<number, bigint>()
    for (const { offset, partition, value } of polled.records) {
      values.push(value)
      reached.set(partition, offset + 1n)
    }
    yield* subscription.commit([...reached].map(([partition, offset]) => ({ topic, partition, offset })))
  }
  return values
}, Effect.scoped)

Measured.run(
  Effect.gen(function* () {
    const context = yield* Layer.build(World.stores(yield* World.settings))
    const producer = Context.get(context, Producer)
    const perform = Effect.runPromiseWith(context)
    let prepared: ReadonlyArray<ReadonlyArray<LogMessage>> = []
    let read: ReadonlyArray<Uint8Array | null> = []
    Measured.answer<ClientQuestions>({
      prepare: ({ topic, ...wanted }) => {
        prepared = Lane.slices(wanted, topic)
        return null
      },
      produce: async () => {
        await perform(Effect.forEach(prepared, producer.send, { concurrency: 2, discard: true }))
        return null
      },
      consume: async (wanted) => {
        read = await perform(consumed(wanted))
        return null
      },
      summary: () => {
        const digest = LogRange.Digest()
        for (const value of read) digest.add(contentOf(value))
        return digest.summary()
      }
    })
    return null
  })
)
