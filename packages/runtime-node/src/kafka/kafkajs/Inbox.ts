/**
 * Between kafkajs, which pushes what it fetched of a partition and waits until that is dealt with, and a subscription, which
 * is polled (guides kafka-consumer 9, kj 2–4).
 *
 * What was pushed is held as the push that is still pending, never beyond it, so kafkajs' own bounds are ours. Before the
 * group is divided anew the subscription is told, and what it has in hand may still be committed: kafkajs waits for the
 * poll after that, or until a limit has passed. Everything belongs to one assignment; what is left of an earlier one is
 * dropped, and its commits are fenced.
 */
import type { Position } from "@tributary/domain/event/Position"
import * as Changes from "@tributary/pipeline/service/Changes"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import type { EachBatchPayload, KafkaMessage } from "kafkajs"
import * as CommitTime from "../CommitTime.ts"
import { keyOf, type Place } from "../ConsumerMetrics.ts"
import type { Reading } from "../Lag.ts"
import * as Records from "./Records.ts"

/** What kafkajs hands to `eachBatch`, as far as it is used. */
export type Push = Pick<EachBatchPayload, "resolveOffset" | "heartbeat" | "commitOffsetsIfNecessary"> & {
  readonly batch: Place & { readonly messages: ReadonlyArray<KafkaMessage> }
}

/** What a poll must tell before it hands out records. */
export type News =
  | { readonly _tag: "Assigned"; readonly partitions: ReadonlyArray<Place> }
  | { readonly _tag: "Revoked"; readonly partitions: ReadonlyArray<Place> }

/** Where reading of a partition begins: what lies before it counts as committed. */
export interface Start extends Place {
  readonly next: bigint
}

export interface Options {
  /** Milliseconds for which what was handed out may hold up a hand-over. */
  readonly handOverMs: number
  /** Messages of an owned partition are not there any more: lost, or removed by retention. */
  readonly onGap: (place: Place, from: bigint, to: bigint) => void
  /** A partition begins again below what was read of it: its topic was made anew, or its log was cut. */
  readonly onReset: (place: Place) => void
}

interface Feed {
  readonly push: Push
  /** Of the push's messages. */
  index: number
  bytes: number
  readonly end: (error?: unknown) => void
}

type Phase =
  | { readonly _tag: "Away" }
  /** Joined; the subscription does not know yet. */
  | { readonly _tag: "Joined" }
  | { readonly _tag: "Reading" }
  /** The group is being divided anew. `error` has kafkajs join again, `isTold` is true once the subscription knows. */
  | { readonly _tag: "Leaving"; readonly error: unknown; readonly until: number; isTold: boolean }

/** Errors by which the coordinator says that this member's time is over. */
const fencing = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "FENCED_INSTANCE_ID", "REBALANCE_IN_PROGRESS"])

const typeOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "type" in error ? error.type : undefined

const isFencing = (error: unknown): boolean => fencing.has(String(typeOf(error)))

const bytesOf = ({ key, value }: KafkaMessage): number => (key?.length ?? 0) + (value?.length ?? 0)

export type Inbox = ReturnType<typeof make>

export const make = (options: Options) => {
  const changes = Changes.make()
  let phase: Phase = { _tag: "Away" }
  let owned: ReadonlyArray<Place> = []
  /** What the subscription takes for its own. */
  let told: ReadonlyArray<Place> = []
  let feeds = new Map<string, Feed>()
  const next = new Map<string, bigint>()
  const committed = new Map<string, bigint>()
  /** The last push of each partition of which something was handed out. */
  const handedOut = new Map<string, Push>()
  const times = new Map<string, CommitTime.CommitTime>()
  const barriers: Array<() => void> = []

  const isCommitted = (position: Position): void => {
    const key = keyOf(position)
    if (!handedOut.has(key)) return
    committed.set(key, position.offset)
    times.get(key)?.committed(position.offset)
  }

  const finish = (key: string, feed: Feed): void => {
    const last = feed.push.batch.messages[feed.index - 1]
    if (last !== undefined) feed.push.resolveOffset(last.offset)
    feeds.delete(key)
    feed.end()
  }

  const pass = (feed: Feed): KafkaMessage => {
    const message = feed.push.batch.messages[feed.index++]!
    feed.bytes -= bytesOf(message)
    return message
  }

  /** Drops everything of this assignment. With an error kafkajs joins its group again. */
  const leave = (error?: unknown, then: Phase = { _tag: "Away" }): void => {
    const ending = feeds
    feeds = new Map()
    phase = then
    handedOut.clear()
    times.clear()
    next.clear()
    committed.clear()
    for (const { end } of ending.values()) end(error)
    for (const pass of barriers.splice(0)) pass()
    changes.happened()
  }

  const rebalancing = (error: unknown, now: number): void => {
    if (phase._tag === "Joined") leave(error)
    if (phase._tag !== "Reading") return
    phase = { _tag: "Leaving", error, until: now + options.handOverMs, isTold: false }
    changes.happened()
  }

  return {
    changes,

    /** For `eachBatch`: settles when the messages are dealt with, and fails when kafkajs must join its group again. */
    push: (push: Push): Promise<void> => {
      const { messages, partition, topic } = push.batch
      const key = keyOf(push.batch)
      const expected = next.get(key)
      const [first] = messages
      if (phase._tag === "Leaving" && phase.error !== undefined) return Promise.reject(phase.error)
      if (phase._tag !== "Reading" || expected === undefined || first === undefined) return Promise.resolve()
      const offset = BigInt(first.offset)
      if (offset < expected) {
        options.onReset({ topic, partition })
        return Promise.resolve()
      }
      if (offset > expected) options.onGap({ topic, partition }, expected, offset)
      next.set(key, offset)
      times.get(key)?.fetched(Number(first.timestamp))
      const { promise, reject, resolve } = Promise.withResolvers<void>()
      const bytes = messages.reduce((sum, message) => sum + bytesOf(message), 0)
      feeds.set(key, { push, index: 0, bytes, end: (error) => (error === undefined ? resolve() : reject(error)) })
      // When all partitions of this fetch have been pushed: polls would empty the first before the others came.
      setImmediate(changes.happened)
      return promise
    },

    /** Before kafkajs joins its group again: waits for what is in hand. */
    barrier: (now: number): Promise<void> => {
      rebalancing(undefined, now)
      return phase._tag === "Leaving" ? new Promise((resolve) => void barriers.push(resolve)) : Promise.resolve()
    },

    /** kafkajs has joined: these are the partitions from now on. */
    joined: (partitions: ReadonlyArray<Place>): void => {
      owned = partitions
      leave(undefined, { _tag: "Joined" })
    },

    /** The membership is over, by a crash or at the end. */
    left: (): void => leave(),

    /** Every second or so: keeps the membership while something is held, and ends a hand-over whose time is up. */
    tick: async (now: number): Promise<void> => {
      if (phase._tag === "Leaving" && now >= phase.until) return leave(phase.error)
      const [feed] = feeds.values()
      if (feed === undefined) return
      try {
        await feed.push.heartbeat()
      } catch (error) {
        // Of an earlier assignment; or not the coordinator's word, so that there may be another heartbeat in time.
        if (feeds.get(keyOf(feed.push.batch)) !== feed || !isFencing(error)) return
        if (typeOf(error) === "REBALANCE_IN_PROGRESS") rebalancing(error, now)
        else leave(error)
      }
    },

    /** True while something is held. */
    isHolding: (): boolean => feeds.size > 0,

    /** A poll begins: what earlier ones handed out is dealt with. */
    settle: (): void => {
      if (phase._tag === "Leaving") {
        if (phase.isTold) leave(phase.error)
        return
      }
      for (const [key, feed] of feeds) if (feed.index === feed.push.batch.messages.length) finish(key, feed)
    },

    /** What is to be told next; `tell` says that it was. */
    news: (): News | undefined => {
      if (told.length > 0 && phase._tag !== "Reading") return { _tag: "Revoked", partitions: told }
      return phase._tag === "Joined" ? { _tag: "Assigned", partitions: owned } : undefined
    },

    tellRevoked: (): void => {
      told = []
      if (phase._tag === "Leaving") phase.isTold = true
    },

    /** Reading begins at `starts`; false when `partitions`, as `news` told them, are not the present ones any more. */
    tellAssigned: (partitions: ReadonlyArray<Place>, starts: ReadonlyArray<Start>): boolean => {
      if (phase._tag !== "Joined" || partitions !== owned) return false
      told = owned
      phase = { _tag: "Reading" }
      for (const start of starts) {
        next.set(keyOf(start), start.next)
        committed.set(keyOf(start), start.next)
        times.set(keyOf(start), CommitTime.make())
      }
      return true
    },

    isReading: (): boolean => phase._tag === "Reading",

    progress: (): ReadonlyArray<Reading> =>
      told.map((place) => {
        const key = keyOf(place)
        const since = times.get(key)?.since()
        return { ...place, next: next.get(key) ?? 0n, committed: committed.get(key) ?? 0n, since }
      }),

    /** What could be handed out. */
    size: (): { readonly messages: number; readonly bytes: number } => {
      let messages = 0
      let bytes = 0
      if (phase._tag === "Reading") {
        for (const feed of feeds.values()) {
          messages += feed.push.batch.messages.length - feed.index
          bytes += feed.bytes
        }
      }
      return { messages, bytes }
    },

    /** Takes so many messages and bytes at most, but one message at least: equal shares of the partitions first. */
    take: (maxMessages: number, maxBytes: number): ReadonlyArray<LogRecord> => {
      const records: Array<LogRecord> = []
      let bytes = 0
      const all = [...feeds]
      const equal = Math.max(1, Math.floor(maxMessages / all.length))
      for (const share of [equal, maxMessages]) {
        for (const [key, feed] of all) {
          const { batch } = feed.push
          let last: LogRecord | undefined
          for (let taken = 0; taken < share && feed.index < batch.messages.length; taken++) {
            const size = bytesOf(batch.messages[feed.index]!)
            if (records.length === maxMessages || (records.length > 0 && bytes + size > maxBytes)) break
            const record = Records.fromMessage(batch.topic, batch.partition, pass(feed))
            next.set(key, record.offset + 1n)
            handedOut.set(key, feed.push)
            records.push(record)
            last = record
            bytes += size
          }
          if (last !== undefined) times.get(key)?.handedOut(last)
        }
      }
      // Another partition comes first next time, so that none is last for ever when bytes are what ends a batch.
      const [first] = all
      if (first !== undefined) {
        feeds.delete(first[0])
        feeds.set(first[0], first[1])
      }
      return records
    },

    /** Ends all pushes: kafkajs fetches again from where handing out stands, what is held here and what came since. */
    refill: (): void => {
      for (const [key, feed] of feeds) finish(key, feed)
    },

    /** Commits what does not lower a commit. Fenced: the partitions are another member's, or will be read again. */
    commit: async (positions: ReadonlyArray<Position>): Promise<"committed" | "fenced"> => {
      const mine = positions.filter((position) => handedOut.has(keyOf(position)))
      const higher = mine.filter((position) => position.offset > (committed.get(keyOf(position)) ?? -1n))
      const push = higher.map((position) => handedOut.get(keyOf(position)))[0]
      if (push !== undefined) {
        const topics = [...Map.groupBy(higher, ({ topic }) => topic)].map(([topic, partitions]) => ({
          topic,
          partitions: partitions.map(({ offset, partition }) => ({ partition, offset: String(offset) }))
        }))
        try {
          await push.commitOffsetsIfNecessary({ topics })
        } catch (error) {
          if (!isFencing(error)) throw error
          if (handedOut.get(keyOf(push.batch)) === push) leave(error)
          return "fenced"
        }
        for (const position of higher) isCommitted(position)
      }
      return mine.length === positions.length ? "committed" : "fenced"
    },

    /** After a commit whose answer was lost: whether it counts as done, as the coordinator tells. */
    confirm: isCommitted
  }
}
