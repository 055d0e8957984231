/** Messages and headers as `@platformatic/kafka` has them, and as we have them. */
import type { Message, MessageToProduce } from "@platformatic/kafka"
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

/** As a stream without deserializers gives it. Null is undefined there. */
export type Received = Message<Buffer | undefined, Buffer | undefined, Buffer, Buffer | null | undefined>

/** Copies nothing: the bytes are slices of what was fetched. */
export const toRecord = ({ headerEntries, key, offset, partition, timestamp, topic, value }: Received): LogRecord => ({
  topic,
  partition,
  offset,
  key: key ?? null,
  value: value ?? null,
  headers: headerEntries.map(([name, header]) => [
    name.toString(),
    header === null || header === undefined ? null : headerText(header)
  ]),
  timestamp: Number(timestamp)
})
