/** What a topic promises those who write to it, and what is wrong with that. */
import * as MessageSize from "@tributary/pipeline/service/MessageSize"

export interface TopicState {
  /** `max.message.bytes` */
  readonly maxMessageBytes: number
  /** `min.insync.replicas`: as many copies as must have a message before it is acknowledged. */
  readonly minInSync: number
  /** Of the partition that has the fewest. */
  readonly copies: number
}

const [maxMessageBytes, minInSync] = ["max.message.bytes", "min.insync.replicas"]

/** What Kafka is to be asked of a topic's settings. */
export const configs: ReadonlyArray<string> = [maxMessageBytes, minInSync]

/** Of a topic's settings as Kafka tells them, and the copies of its partitions. */
export const make = (
  values: ReadonlyMap<string, string | null | undefined>,
  copies: ReadonlyArray<number>
): TopicState => ({
  maxMessageBytes: Number(values.get(maxMessageBytes)),
  minInSync: Number(values.get(minInSync)),
  copies: Math.min(...copies)
})

type States = ReadonlyMap<string, TopicState>

/** Why no program may start on these topics; undefined where they take messages as large as ours. */
export const refusal = (states: States): string | undefined => {
  const small = [...states].filter(([topic, state]) => state.maxMessageBytes < MessageSize.limit(topic))
  if (small.length === 0) return undefined
  const wanted = small.map(
    ([topic, state]) => `${topic} has ${state.maxMessageBytes}, needs ${MessageSize.limit(topic)}`
  )
  return `Kafka topics whose max.message.bytes is too small: ${wanted.join("; ")}`
}

/** What an operator should change, although programs may start (guides kafka-operations 3). */
export const warning = (states: States): string | undefined => {
  const risky = [...states].filter(([, state]) => state.copies >= 3 && state.minInSync < 2)
  if (risky.length === 0) return undefined
  const names = risky.map(([topic, { copies }]) => `${topic} (${copies} copies)`)
  return `Kafka topics whose min.insync.replicas is 1, so that one broker's disk can take what was acknowledged with it; set it to 2: ${names.join(", ")}`
}
