/** Messages and headers as `@platformatic/kafka` has them, and as we have them. */
import type { KafkaRecord, MessageToProduce, RecordsBatch } from "@platformatic/kafka"
import type { Headers, LogRecord } from "@tributary/pipeline/service/LogMessage"
import { headerText } from "../HeaderText.ts"
import type { LaneBatch } from "../LaneClient.ts"

type Sent = MessageToProduce<Buffer | null, Buffer, Buffer, Buffer | null>

/** Names of headers come again and again, and making bytes of them costs more than of the value. */
const names = new Map<string, Buffer>()
const mostNames = 1_000

const nameOf = (name: string): Buffer => {
  const known = names.get(name)
  if (known !== undefined) return known
  const bytes = Buffer.from(name)
  if (names.size < mostNames) names.set(name, bytes)
  return bytes
}

const bytesOf = (value: string | Uint8Array): Buffer =>
  typeof value === "string" ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.length)

/** Keys of the map are bytes, compared by identity: a name that comes again needs bytes of its own. */
const headersOf = (headers: Headers): Map<Buffer, Buffer | null> => {
  const map = new Map<Buffer, Buffer | null>()
  for (const [name, value] of headers) {
    const known = nameOf(name)
    map.set(map.has(known) ? Buffer.from(name) : known, value === null ? null : bytesOf(value))
  }
  return map
}

export const toMessages = ({ messages, partition, topic }: LaneBatch): ReadonlyArray<Sent> =>
  messages.map(({ key, message }) => ({
    topic,
    partition,
    key: key === null ? null : bytesOf(key),
    value: bytesOf(message.value),
    headers: headersOf(message.headers)
  }))

/** A batch of records as the brokers store it. What lies before `from` was not asked for. */
export interface Part {
  readonly topic: string
  readonly partition: number
  readonly from: bigint
  readonly batch: RecordsBatch
}

/** Of a batch whose time is the broker's, that of its arrival (`message.timestamp.type=LogAppendTime`). */
const hasArrivalTime = 8

/** Copies nothing: the bytes are slices of what was fetched. */
export function* ofParts(parts: ReadonlyArray<Part>): Generator<LogRecord, undefined> {
  for (const { batch, from, partition, topic } of parts) {
    const { attributes, firstOffset, firstTimestamp, maxTimestamp } = batch
    const arrived = (attributes & hasArrivalTime) === 0 ? undefined : Number(maxTimestamp)
    for (const { headers, key, offsetDelta, timestampDelta, value } of batch.records) {
      const offset = firstOffset + BigInt(offsetDelta)
      if (offset < from) continue
      const timestamp = arrived ?? Number(firstTimestamp + timestampDelta)
      yield { topic, partition, offset, key, value, headers: headers.map(headerOf), timestamp }
    }
  }
  return undefined
}

const headerOf = ([name, value]: KafkaRecord["headers"][number]): Headers[number] => [
  name === null ? "" : name.toString(),
  value === null ? null : headerText(value)
]
