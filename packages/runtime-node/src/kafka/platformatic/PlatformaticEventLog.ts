/**
 * `EventLog` over `@platformatic/kafka`. Subscriptions of a group share its topics' partitions, eagerly: at each change all
 * are revoked and assigned anew, and work in hand may hold that up for 18 s. Commits of what is not ours any more do nothing.
 */
import type { Position } from "@tributary/domain/event/Position"
import {
  type Assignment,
  EventLog,
  EventLogError,
  type Polled,
  type SubscribeOptions,
  type Subscription
} from "@tributary/pipeline/service/EventLog"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as ConsumerMetrics from "../ConsumerMetrics.ts"
import * as Lag from "../Lag.ts"
import type { KafkaSettings } from "../Settings.ts"
import * as Commit from "./Commit.ts"
import * as Failure from "./Failure.ts"
import type { KafkaConsumer } from "./FetchingConsumer.ts"
import * as Member from "./Member.ts"
import * as Window from "./Window.ts"

export const layer = (settings: KafkaSettings): Layer.Layer<EventLog> =>
  Layer.succeed(EventLog, EventLog.of({ subscribe: subscribe(settings) }))

const earliest = -2n
const latest = -1n

/** Messages that are taken from the stream at least: what one fetch brings, so that the partitions can share batches. */
const leastFilled = 1_000

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, EventLogError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new EventLogError({ operation, cause: Failure.deepest(cause) }) })

const subscribe = (settings: KafkaSettings) =>
  Effect.fnUntraced(function* (options: SubscribeOptions) {
    const { group, maxBytes, maxMessages } = options
    const fork = yield* FiberSet.makeRuntime()
    const member = yield* Member.run(settings, options)
    const window = Window.make((place, from, to) => fork(ConsumerMetrics.gap(group, place, from, to)))
    /** What the subscriber takes for its own, and by which lease. */
    let told: Member.Lease | undefined
    /** The lease that is being given up: the subscriber knows, and its next poll says that it is done. */
    let farewell = false
    /** A poll waits, and nothing is there. */
    let waits = false

    const reading = (): Member.Lease | undefined => {
      const phase = member.phase()
      return phase._tag === "Held" && phase.lease === told ? told : undefined
    }

    /** Takes what was fetched, as far as it is bounded. */
    const fill = (): void => {
      while (window.messages() < Math.max(2 * maxMessages, leastFilled) && window.bytes() < maxBytes) {
        const record = member.next()
        if (record === undefined) return
        window.add(record)
      }
    }

    const poll: Subscription["poll"] = Effect.gen(function* () {
      if (farewell) {
        farewell = false
        window.start([])
        member.settle()
      }
      let gatherUntil: number | undefined
      while (true) {
        const seen = member.changes.count()
        const phase = member.phase()
        if (told !== undefined && reading() === undefined) {
          const { partitions } = told
          farewell = phase._tag === "Leaving" && phase.lease === told
          told = undefined
          // What is in hand may still be committed while the group waits for it.
          if (!farewell) window.start([])
          if (partitions.length > 0) return { _tag: "Revoked", partitions } satisfies Polled
          if (farewell) member.settle()
          farewell = false
          continue
        }
        if (phase._tag === "Leaving") {
          // The subscriber never heard of this lease.
          member.settle()
          continue
        }
        if (phase._tag === "Held" && told === undefined) {
          const { lease } = phase
          const partitions = yield* assignments(lease, member.consumer)
          const now = member.phase()
          if (now._tag !== "Held" || now.lease !== lease) continue
          told = lease
          window.start(partitions)
          for (const { begin, committed, ...place } of partitions) {
            if (committed !== undefined && committed < begin) {
              yield* ConsumerMetrics.gap(group, place, committed, begin)
            }
          }
          if (partitions.length > 0) return { _tag: "Assigned", partitions } satisfies Polled
          continue
        }
        const cause = member.failure()
        if (cause !== undefined) return yield* new EventLogError({ operation: "poll", cause })
        if (told !== undefined) fill()
        if (told !== undefined && window.messages() > 0) {
          const now = yield* Clock.currentTimeMillis
          gatherUntil ??= now + options.gatherMs
          if (window.messages() >= maxMessages || window.bytes() >= maxBytes || now >= gatherUntil) {
            return { _tag: "Records", records: window.take(maxMessages, maxBytes) } satisfies Polled
          }
          yield* Effect.timeoutOption(member.changes.after(seen), gatherUntil - now)
        } else {
          waits = true
          yield* Effect.ensuring(
            member.changes.after(seen),
            Effect.sync(() => void (waits = false))
          )
        }
      }
    })

    const commit = Effect.fnUntraced(function* (positions: ReadonlyArray<Position>) {
      const phase = member.phase()
      const lease = told ?? (farewell && phase._tag === "Leaving" ? phase.lease : undefined)
      const wanted = window.committable(positions)
      if (lease === undefined || wanted.length === 0) return
      const isCurrent = () => {
        const now = member.phase()
        return now._tag !== "Away" && now.lease === lease
      }
      const result = yield* Commit.commit(lease, group, wanted, isCurrent)
      if (result === "Fenced") yield* ConsumerMetrics.fencedCommit(group)
      else if (isCurrent()) window.committed(wanted)
    })

    const held = (): Lag.Held | undefined => {
      const lease = reading()
      return lease && { ends: (topics) => lease.consumer.listOffsets({ topics: [...topics] }), giveUp: lease.giveUp }
    }
    yield* Lag.watch(group, { held, waits: () => waits, progress: window.progress })
    return { poll, commit } satisfies Subscription
  })

/** An offset outside of what the log holds counts as the nearest end. */
const within = (offset: bigint, begin: bigint, end: bigint): bigint =>
  offset < begin ? begin : offset > end ? end : offset

/** `present`: the consumer of the time when an end is asked for, because that of the lease may be closed by then. */
const assignments = ({ consumer, partitions }: Member.Lease, present: () => KafkaConsumer | undefined) =>
  attempt("assign", async () => {
    const topics = [...new Set(partitions.map(({ topic }) => topic))]
    if (topics.length === 0) return []
    const committed = await Commit.committedOffsets(consumer, partitions)
    const begins = await consumer.listOffsets({ topics, timestamp: earliest })
    const ends = await consumer.listOffsets({ topics, timestamp: latest })
    const metadata = await consumer.metadata({ topics })
    return partitions.map(({ partition, topic }): Assignment & Window.Start => {
      const begin = begins.get(topic)?.[partition] ?? 0n
      const offset = committed.get(ConsumerMetrics.keyOf({ topic, partition }))
      return {
        topic,
        partition,
        topicId: metadata.topics.get(topic)?.id,
        begin,
        end: attempt("end", () => endOf(present(), topic, partition)),
        committed: offset,
        next: within(offset ?? begin, begin, ends.get(topic)?.[partition] ?? begin)
      }
    })
  })

const endOf = async (consumer: KafkaConsumer | undefined, topic: string, partition: number): Promise<bigint> => {
  if (consumer === undefined) throw new Error("the consumer is being made again")
  const ends = await consumer.listOffsets({ topics: [topic], partitions: { [topic]: [partition] }, timestamp: latest })
  const end = ends.get(topic)?.[partition]
  if (end === undefined) throw new Error(`${topic} has no partition ${partition}`)
  return end
}
