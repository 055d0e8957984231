/** A look into Kafka: what groups have not read yet, and what lies in a topic. */
import { randomUUID } from "node:crypto"
import { Admin } from "@platformatic/kafka"
import { EventLog } from "@tributary/pipeline/service/EventLog"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Connection from "@tributary/runtime-node/kafka/platformatic/Connection"
import * as Platformatic from "@tributary/runtime-node/kafka/platformatic/Platformatic"
import type { KafkaSettings } from "@tributary/runtime-node/kafka/Settings"
import * as Effect from "effect/Effect"
import { AssemblyError } from "../Assembly.ts"

const settings = (hosts: ReadonlyArray<string>): KafkaSettings => ({
  hosts,
  client: "platformatic",
  clientId: "tributary-faults",
  rack: undefined,
  tls: undefined,
  sasl: undefined,
  idempotent: false,
  compression: "none",
  partitions: undefined,
  replication: undefined
})

const unreadable = (cause: unknown): AssemblyError =>
  new AssemblyError({ reason: `Kafka cannot be read: ${cause instanceof Error ? cause.message : String(cause)}` })

const fromEnd = -1n

const withAdmin = <A>(
  hosts: ReadonlyArray<string>,
  use: (admin: Admin) => Promise<A>
): Effect.Effect<A, AssemblyError> =>
  Effect.gen(function* () {
    const admin = yield* Connection.scoped(
      () => new Admin({ ...Connection.options(settings(hosts)), retries: 1, connectTimeout: 3_000 }),
      (client) => client.close()
    )
    return yield* Effect.tryPromise({ try: () => use(admin), catch: unreadable })
  }).pipe(Effect.scoped)

/** A line for each partition that a group has begun to read the topic of, and has not read to its end. */
export const waiting = (hosts: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>, AssemblyError> =>
  withAdmin(hosts, behind)

/** Commits are read before ends: what is nowhere behind then was not behind at the time between. */
const behind = async (admin: Admin): Promise<ReadonlyArray<string>> => {
  const names = [...(await admin.listGroups()).keys()]
  if (names.length === 0) return ["no consumer group is there"]
  const groups = await admin.listConsumerGroupOffsets({ groups: names })
  const topics = new Set(groups.flatMap((group) => group.topics.map(({ name }) => name)))
  const { topics: described } = await admin.metadata({ topics: [...topics], forceUpdate: true })
  const ends = await admin.listOffsets({
    topics: [...described].map(([name, { partitionsCount }]) => ({
      name,
      partitions: Array.from({ length: partitionsCount }, (_, partitionIndex) => ({
        partitionIndex,
        timestamp: fromEnd
      }))
    }))
  })
  return groups.flatMap(({ groupId, topics }) =>
    topics.flatMap(({ name, partitions }) => {
      const committed = new Map(partitions.map((one) => [one.partitionIndex, one.committedOffset]))
      const all = ends.find((topic) => topic.name === name)?.partitions ?? []
      return all.flatMap(({ offset, partitionIndex }) => {
        const left = offset - BigInt(Math.max(0, Number(committed.get(partitionIndex) ?? 0n)))
        return left > 0n ? [`${groupId} is ${left} messages behind in ${name} ${partitionIndex}`] : []
      })
    })
  )
}

/** `host:port` of the brokers that lead the topic's partitions, by partition. */
export const leaders = (
  hosts: ReadonlyArray<string>,
  topic: string
): Effect.Effect<ReadonlyArray<string>, AssemblyError> =>
  withAdmin(hosts, async (admin) => {
    const { brokers, topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
    return (topics.get(topic)?.partitions ?? []).flatMap(({ leader }) => {
      const broker = brokers.get(leader)
      return broker === undefined ? [] : [`${broker.host}:${broker.port}`]
    })
  })

/** The messages of a topic, by partition, from first to last. */
export const messages = (
  hosts: ReadonlyArray<string>,
  topic: string
): Effect.Effect<ReadonlyArray<ReadonlyArray<LogRecord>>, AssemblyError> =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const { poll } = yield* log.subscribe({
      group: `faults-${randomUUID()}`,
      topics: [topic],
      maxMessages: 10_000,
      maxBytes: 16_000_000,
      gatherMs: 0
    })
    const ends = new Map<number, bigint>()
    const read = new Map<number, Array<LogRecord>>()
    const isAtEnd = () =>
      ends.size > 0 &&
      [...ends].every(([partition, end]) => end === 0n || (read.get(partition)?.at(-1)?.offset ?? -1n) >= end - 1n)
    while (!isAtEnd()) {
      const polled = yield* poll
      if (polled._tag === "Assigned") {
        for (const { end, partition } of polled.partitions) ends.set(partition, yield* end)
      }
      if (polled._tag !== "Records") continue
      for (const record of polled.records) {
        const earlier = read.get(record.partition)
        if (earlier === undefined) read.set(record.partition, [record])
        else earlier.push(record)
      }
    }
    return [...read.values()]
  }).pipe(Effect.scoped, Effect.provide(Platformatic.client.eventLog(settings(hosts))), Effect.mapError(unreadable))
