/** Messages and headers as kafkajs has them, and as we have them. */
import type { Headers, LogRecord } from "@tributary/pipeline/service/LogMessage"
import type { IHeaders, KafkaMessage } from "kafkajs"
import { headerText } from "../HeaderText.ts"

/** A record of a partition. Headers of one name come together, because kafkajs keeps no order between names of which one comes twice. */
export const fromMessage = (topic: string, partition: number, message: KafkaMessage): LogRecord => ({
  topic,
  partition,
  offset: BigInt(message.offset),
  key: message.key,
  value: message.value,
  headers: headersOf(message.headers),
  timestamp: Number(message.timestamp)
})

const headersOf = (headers: IHeaders | undefined): Headers =>
  Object.entries(headers ?? {}).flatMap(([name, value]) => {
    const values: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
    // Under names that every object has, such as `constructor`, kafkajs puts what the object inherits first.
    return values.filter(isValue).map((each) => [name, textOf(each)] as const)
  })

/** Null comes from other producers. */
const isValue = (value: unknown): value is Buffer | null => value === null || Buffer.isBuffer(value)

const textOf = (value: Buffer | null): string | Uint8Array | null => (value === null ? null : headerText(value))

/** Null is written as an empty value: kafkajs cannot write it (guides kafka-producer 3). */
export const toHeaders = (headers: Headers): IHeaders => {
  const values = new Map<string, Array<string | Buffer>>()
  for (const [name, value] of headers) {
    const written = value === null ? "" : typeof value === "string" ? value : Buffer.from(value)
    const earlier = values.get(name)
    if (earlier === undefined) values.set(name, [written])
    else earlier.push(written)
  }
  return Object.fromEntries(values)
}
