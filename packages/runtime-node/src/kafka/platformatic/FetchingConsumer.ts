/**
 * A consumer whose streams say what is fetched, from whom, and what is done when that fails, but do not get the records: those
 * are taken as they came. A stream makes a dozen objects of each that nobody here looks at, which cost as much as all the rest.
 */
import {
  type ConnectionPool,
  Consumer,
  type ConsumerOptions,
  type FetchOptions,
  IS_CONTROL,
  type MessagesStream
} from "@platformatic/kafka"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Records from "./Records.ts"

type Bytes = Buffer | undefined
type HeaderBytes = Buffer | null | undefined
/** As it comes, without deserializers. */
export type KafkaConsumer = Consumer<Bytes, Bytes, Buffer, HeaderBytes>
export type KafkaStream = MessagesStream<Bytes, Bytes, Buffer, HeaderBytes>
type Options = ConsumerOptions<Bytes, Bytes, Buffer, HeaderBytes>
type Fetch = FetchOptions<Bytes, Bytes, Buffer, HeaderBytes>
type FetchResponse = Awaited<ReturnType<KafkaConsumer["fetch"]>>
type Callback = (error: Error | null, answer?: FetchResponse) => void

/** What one fetch brought. */
export interface Fetched {
  /** Of the stream that asked. */
  readonly connections: ConnectionPool | undefined
  readonly records: Iterator<LogRecord, undefined>
  /** All is taken: the stream fetches on from that broker. Until then it does not. */
  readonly done: () => void
}

export class FetchingConsumer extends Consumer<Bytes, Bytes, Buffer, HeaderBytes> {
  readonly #onFetched: (fetched: Fetched) => void

  constructor(options: Options, onFetched: (fetched: Fetched) => void) {
    super(options)
    this.#onFetched = onFetched
  }

  override fetch(options: Fetch): Promise<FetchResponse>
  override fetch(options: Fetch, callback: Callback): void
  override fetch(options: Fetch, callback?: Callback): Promise<FetchResponse> | undefined {
    const taken = super.fetch(options).then((answer) => this.#taken(options, answer))
    if (callback === undefined) return taken
    taken.then((answer) => callback(null, answer), callback)
  }

  /** The answer without its records, when those are taken. */
  async #taken({ connectionPool, topics }: Fetch, answer: FetchResponse): Promise<FetchResponse> {
    const metadata = await this.metadata({ topics: this.topics.current })
    const names = new Map([...metadata.topics].map(([name, { id }]) => [id, name]))
    const asked = new Map(
      topics.flatMap(({ partitions, topicId }) =>
        partitions.map(({ fetchOffset, partition }) => [`${topicId}:${partition}`, fetchOffset])
      )
    )
    const parts: Array<Records.Part> = []
    for (const { partitions, topicId } of answer.responses) {
      const topic = names.get(topicId)
      if (topic === undefined) throw new Error(`topic ${topicId} is not there any more`)
      for (const { partitionIndex: partition, records } of partitions) {
        const from = asked.get(`${topicId}:${partition}`)
        for (const batch of records ?? []) {
          // Brokers may send what was asked for earlier, and marks of transactions.
          if (from !== undefined && (batch.attributes & IS_CONTROL) === 0) {
            parts.push({ topic, partition, from, batch: { ...batch } })
          }
          batch.records = []
        }
      }
    }
    if (parts.length > 0) {
      const records = Records.ofParts(parts)
      await new Promise<void>((done) => this.#onFetched({ connections: connectionPool, records, done }))
    }
    return answer
  }
}
