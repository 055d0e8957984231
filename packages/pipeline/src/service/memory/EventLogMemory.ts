/**
 * `EventLog` and `Producer` over one log in memory: topics are made when they are first named, groups share partitions and
 * commit, and a test may look into it, cut it, and make it fail. The same log given to several layers is one log.
 */
import type { Position } from "@tributary/domain/event/Position"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Changes from "../Changes.ts"
import {
  type Assignment,
  EventLog,
  type EventLogError,
  type Polled,
  type SubscribeOptions,
  type Subscription
} from "../EventLog.ts"
import type { LogMessage, LogRecord } from "../LogMessage.ts"
import * as MessageSize from "../MessageSize.ts"
import { partitionOf } from "../Partitioner.ts"
import { Producer, type ProducerError, type Rejection } from "../Producer.ts"
import * as LogGroup from "./LogGroup.ts"

/** What runs before (or, for `acknowledge`, after) the real thing: failures, or pauses. Replace them at any time. */
export interface Faults {
  send: Effect.Effect<void, ProducerError>
  /** After the messages were appended: a failure is an acknowledgement that was lost. */
  acknowledge: Effect.Effect<void, ProducerError>
  poll: Effect.Effect<void, EventLogError>
  commit: Effect.Effect<void, EventLogError>
  /** Why a message is refused for its data; undefined takes it. */
  refuse: (message: LogMessage) => string | undefined
}

interface Partition {
  /** As `partitionName` makes it, once: it is asked for at every poll. */
  readonly name: string
  /** Offset of the first record. */
  begin: bigint
  records: Array<LogRecord>
}

interface Topic {
  readonly id: string
  readonly partitions: ReadonlyArray<Partition>
}

interface Owned extends LogGroup.PartitionName {
  /** Offset of the next record to read. */
  next: bigint
}

type Member = LogGroup.Member<Owned>

interface Group extends LogGroup.Group<Owned> {
  /** By `partitionName`. */
  readonly committed: Map<string, bigint>
}

export interface MemoryLogOptions {
  /** Partitions of each topic. */
  readonly partitions?: number
  /** Milliseconds for which partitions wait for their old owner's next poll. */
  readonly handOverMs?: number
}

/** The log itself, with what a test may do to it. */
export interface MemoryLog {
  readonly faults: Faults
  /** Names of the topics that were named so far. */
  readonly topics: () => ReadonlyArray<string>
  /** What a topic holds, partition by partition, in the order of the log. */
  readonly records: (topic: string) => ReadonlyArray<LogRecord>
  /** Offset of the next message that a partition will get. */
  readonly end: (topic: string, partition: number) => bigint
  readonly committed: (group: string, topic: string, partition: number) => bigint | undefined
  /** Appends a record as some other producer might have, for instance without a value. */
  readonly append: (topic: string, partition: number, record: Omit<LogRecord, keyof Position>) => void
  /** Drops the records below an offset, as retention does. */
  readonly trim: (topic: string, partition: number, begin: bigint) => void
  /** Drops the records from an offset on, as a power loss may do; its readers are assigned anew. */
  readonly cut: (topic: string, partition: number, end: bigint) => void
  /** Deletes a topic with its commits and makes it anew: empty, with another id. */
  readonly recreate: (topic: string) => void
  /** Takes all partitions from the members of a group, as when their sessions expire; they are assigned anew. */
  readonly rebalance: (group: string) => void
  readonly send: Producer["Service"]["send"]
  readonly subscribe: EventLog["Service"]["subscribe"]
}

const encoder = new TextEncoder()
const bytesOf = (part: string | Uint8Array): Uint8Array => (typeof part === "string" ? encoder.encode(part) : part)

const endOf = ({ begin, records }: Partition): bigint => begin + BigInt(records.length)

/** An offset outside of what the log holds counts as the nearest end. */
const within = (partition: Partition, offset: bigint): bigint => {
  if (offset < partition.begin) return partition.begin
  const end = endOf(partition)
  if (offset > end) return end
  return offset
}

export const make = (options: MemoryLogOptions = {}): MemoryLog => {
  const count = options.partitions ?? 4
  const handOverMs = options.handOverMs ?? 30_000
  const topics = new Map<string, Topic>()
  const groups = new Map<string, Group>()
  const faults: Faults = {
    send: Effect.void,
    acknowledge: Effect.void,
    poll: Effect.void,
    commit: Effect.void,
    refuse: () => undefined
  }
  const changes = Changes.make()
  let made = 0
  let keyless = 0

  const create = (name: string): Topic => {
    const partitions = Array.from({ length: count }, (_, partition): Partition => {
      return { name: LogGroup.partitionName({ topic: name, partition }), begin: 0n, records: [] }
    })
    const topic = { id: `${name}-${++made}`, partitions }
    topics.set(name, topic)
    return topic
  }
  const topicOf = (name: string): Topic => topics.get(name) ?? create(name)
  const partitionAt = (topic: string, partition: number): Partition => {
    const found = topicOf(topic).partitions[partition]
    if (found === undefined) throw new RangeError(`${topic} has no partition ${partition}`)
    return found
  }
  const groupOf = (name: string): Group => {
    const known = groups.get(name)
    if (known !== undefined) return known
    const group: Group = { members: [], changedAt: 0, committed: new Map() }
    groups.set(name, group)
    return group
  }
  const takeFromAll = (wanted: (partition: LogGroup.PartitionName) => boolean): void => {
    for (const { members } of groups.values()) for (const member of members) LogGroup.takeAway(member, wanted)
    changes.happened()
  }

  const append = (topic: string, partition: number, record: Omit<LogRecord, keyof Position>): void => {
    const to = partitionAt(topic, partition)
    to.records.push({ ...record, topic, partition, offset: endOf(to) })
  }

  const send = Effect.fnUntraced(function* (messages: ReadonlyArray<LogMessage>) {
    yield* faults.send
    const timestamp = yield* Clock.currentTimeMillis
    const rejections: Array<Rejection> = []
    for (const [index, message] of messages.entries()) {
      const excess = MessageSize.excess(message.topic, MessageSize.of(message))
      const refusal = faults.refuse(message)
      if (excess !== undefined) rejections.push({ index, reason: "TooLarge", detail: excess })
      else if (refusal !== undefined) rejections.push({ index, reason: "Refused", detail: refusal })
      else {
        const key = message.key === null ? null : bytesOf(message.key)
        const partition = key === null ? keyless++ % count : partitionOf(key, count)
        append(message.topic, partition, {
          key,
          value: bytesOf(message.value),
          headers: message.headers,
          timestamp
        })
      }
    }
    changes.happened()
    yield* faults.acknowledge
    return rejections
  })

  const assign = (group: Group, member: Member, now: number): ReadonlyArray<Assignment> => {
    const assigned: Array<Assignment> = []
    for (const topic of member.topics) {
      for (const [partition, held] of topicOf(topic).partitions.entries()) {
        const { name } = held
        const owner = LogGroup.ownerOf(group, name)
        if (owner === member || !LogGroup.belongsTo(group, member, { topic, partition })) continue
        if (owner !== undefined) {
          if (now < group.changedAt + handOverMs) continue
          LogGroup.takeAway(owner, (owned) => owned.topic === topic && owned.partition === partition)
        }
        const committed = group.committed.get(name)
        member.owned.set(name, { topic, partition, next: within(held, committed ?? held.begin) })
        assigned.push({
          topic,
          partition,
          topicId: topicOf(topic).id,
          begin: held.begin,
          end: Effect.sync(() => endOf(partitionAt(topic, partition))),
          committed
        })
      }
    }
    return assigned
  }

  /** The records that a poll would give now, and for each partition the offset after them. */
  const read = (member: Member, { maxBytes, maxMessages }: SubscribeOptions) => {
    const records: Array<LogRecord> = []
    const next = new Map<string, bigint>()
    let bytes = 0
    let full = false
    for (const [name, { next: from, partition, topic }] of member.owned) {
      if (member.told.has(name)) continue
      const held = partitionAt(topic, partition)
      const start = from < held.begin ? 0 : Number(from - held.begin)
      for (let i = start; i < held.records.length && !full; i++) {
        const record = held.records[i]!
        bytes += record.value?.length ?? 0
        full = records.length === maxMessages || (records.length > 0 && bytes > maxBytes)
        if (full) break
        records.push(record)
        next.set(name, record.offset + 1n)
      }
    }
    return { records, next, full: full || records.length >= maxMessages }
  }

  const advance = (member: Member, next: ReadonlyMap<string, bigint>): void => {
    for (const [name, offset] of next) {
      const owned = member.owned.get(name)
      if (owned === undefined) continue
      // To the end of the line, so that a busy partition does not hold up the others.
      member.owned.delete(name)
      member.owned.set(name, { ...owned, next: offset })
    }
  }

  const poll = Effect.fnUntraced(function* (group: Group, member: Member, options: SubscribeOptions) {
    yield* faults.poll
    if (LogGroup.giveUp(member)) changes.happened()
    let gatherUntil: number | undefined
    while (true) {
      const seen = changes.count()
      const now = yield* Clock.currentTimeMillis
      const revoked = LogGroup.revoke(group, member)
      if (revoked.length > 0) return { _tag: "Revoked", partitions: revoked } satisfies Polled
      const assigned = assign(group, member, now)
      if (assigned.length > 0) return { _tag: "Assigned", partitions: assigned } satisfies Polled
      const { full, next, records } = read(member, options)
      if (records.length > 0) {
        gatherUntil ??= now + options.gatherMs
        if (full || now >= gatherUntil) {
          advance(member, next)
          return { _tag: "Records", records } satisfies Polled
        }
      }
      const handOver = group.changedAt + handOverMs
      const until = gatherUntil ?? (now < handOver ? handOver : undefined)
      const change = changes.after(seen)
      yield* until === undefined ? change : Effect.timeoutOption(change, until - now)
    }
  })

  const commit = Effect.fnUntraced(function* (group: Group, member: Member, positions: ReadonlyArray<Position>) {
    yield* faults.commit
    for (const at of positions) {
      const name = LogGroup.partitionName(at)
      if (!member.owned.has(name)) continue
      const before = group.committed.get(name)
      if (before === undefined || before < at.offset) group.committed.set(name, at.offset)
    }
  })

  const changeMembers = (group: Group, change: () => void) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      change()
      group.changedAt = now
      changes.happened()
    })

  const subscribe = Effect.fnUntraced(function* (options: SubscribeOptions) {
    const group = groupOf(options.group)
    const member = LogGroup.makeMember<Owned>(options.topics)
    yield* Effect.acquireRelease(
      changeMembers(group, () => group.members.push(member)),
      () => changeMembers(group, () => group.members.splice(group.members.indexOf(member), 1))
    )
    return {
      poll: Effect.suspend(() => poll(group, member, options)),
      commit: (positions: ReadonlyArray<Position>) => commit(group, member, positions)
    } satisfies Subscription
  })

  return {
    faults,
    topics: () => [...topics.keys()],
    records: (topic) => topicOf(topic).partitions.flatMap(({ records }) => records),
    end: (topic, partition) => endOf(partitionAt(topic, partition)),
    committed: (group, topic, partition) => {
      const held = topics.get(topic)?.partitions[partition]
      return held === undefined ? undefined : groups.get(group)?.committed.get(held.name)
    },
    append: (topic, partition, record) => {
      append(topic, partition, record)
      changes.happened()
    },
    trim: (topic, partition, begin) => {
      const held = partitionAt(topic, partition)
      held.records = held.records.filter(({ offset }) => offset >= begin)
      if (begin > held.begin) held.begin = begin
    },
    cut: (topic, partition, end) => {
      const held = partitionAt(topic, partition)
      held.records = held.records.filter(({ offset }) => offset < end)
      takeFromAll((owned) => owned.topic === topic && owned.partition === partition)
    },
    recreate: (topic) => {
      create(topic)
      for (const { committed } of groups.values()) {
        for (let partition = 0; partition < count; partition++) {
          committed.delete(LogGroup.partitionName({ topic, partition }))
        }
      }
      takeFromAll((owned) => owned.topic === topic)
    },
    rebalance: (name) => {
      for (const member of groupOf(name).members) LogGroup.takeAway(member, () => true)
      changes.happened()
    },
    send: (messages) => (messages.length === 0 ? Effect.succeed([]) : send(messages)),
    subscribe
  }
}

/** Both services over this log. */
export const layer = (log: MemoryLog): Layer.Layer<EventLog | Producer> =>
  Layer.mergeAll(
    Layer.succeed(EventLog, EventLog.of({ subscribe: log.subscribe })),
    Layer.succeed(Producer, Producer.of({ send: log.send }))
  )
