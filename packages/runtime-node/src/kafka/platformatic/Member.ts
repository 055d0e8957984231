/**
 * A member of a consumer group, kept in it whatever happens (guides kafka-consumer 9, pk).
 *
 * Each assignment is a lease: member id, generation, partitions, and a stream of its own, opened before the earlier one is
 * destroyed, since a stream that outlives a rebalance loses messages. Before the group is divided anew, the lease is kept
 * until its holder has settled what is in hand, for 18 s at most: what it commits meanwhile still counts. A stream or a
 * consumer that dies is made again.
 */
import * as Changes from "@tributary/pipeline/service/Changes"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as ConsumerMetrics from "../ConsumerMetrics.ts"
import type { KafkaSettings } from "../Settings.ts"
import * as Connection from "./Connection.ts"
import * as Failure from "./Failure.ts"
import { type Fetched, FetchingConsumer, type KafkaConsumer, type KafkaStream } from "./FetchingConsumer.ts"

const sessionMs = 30_000

/** Heartbeats are off while a rebalance waits for work in hand, so it must end well within the session. */
export const handOverMs = 0.6 * sessionMs

const reopenMs = 300
/** Streams that die one after another, with nothing read between, before the consumer is made again. */
const mostReopenings = 5

const anew = new Set(["UNKNOWN_TOPIC_ID", "INCONSISTENT_TOPIC_ID", "UNKNOWN_TOPIC_OR_PARTITION"])

/** Nobody tells this client of partitions that are added to a topic. */
const partitionsEvery = "30 seconds"

const consumerOptions = {
  sessionTimeout: sessionMs,
  rebalanceTimeout: 60_000,
  heartbeatInterval: 1_000,
  heartbeatStallTimeout: 45_000,
  // Eager: a joining member costs the others 0.2 s, cooperative 1.1 s.
  protocols: [{ name: "roundrobin", version: 0 }],
  retries: 5,
  retryDelay: 500,
  connectTimeout: 3_000,
  requestTimeout: 15_000,
  metadataMaxAge: 30_000
}

/**
 * Without bounds a backlog of one partition holds up the others, and memory grows. The bytes are compressed ones, of which
 * events alike make thirteen times as many: with 8 MB, and 1 MB of a partition, most of the time went into moving what had been
 * fetched too early from one part of the heap to another. Brokers send a larger batch all the same, of one partition in turn.
 */
const streamOptions = {
  mode: "committed",
  fallbackMode: "earliest",
  autocommit: false,
  minBytes: 1,
  maxBytes: 2_000_000,
  maxBytesPerPartition: 250_000,
  maxWaitTime: 200
} as const

export interface Lease {
  readonly consumer: KafkaConsumer
  readonly memberId: string
  readonly generation: number
  readonly partitions: ReadonlyArray<ConsumerMetrics.Place>
  /** Has the consumer made again. */
  readonly giveUp: (cause: unknown) => void
}

export type Phase =
  | { readonly _tag: "Away" }
  | { readonly _tag: "Held"; readonly lease: Lease }
  /** The group is being divided anew, which waits until `settled`. */
  | { readonly _tag: "Leaving"; readonly lease: Lease; readonly settled: Deferred.Deferred<void> }

export interface Member {
  /** Anything of the below has changed, or more was fetched. */
  readonly changes: Changes.Changes
  readonly phase: () => Phase
  /** The one that is, or is to be, in the group; undefined while it is made again. */
  readonly consumer: () => KafkaConsumer | undefined
  /** Takes the next record that was fetched under the present lease. */
  readonly next: () => LogRecord | undefined
  /** Why there is no lease, if it is known. */
  readonly failure: () => unknown
  /** Work in hand is settled; the group may be divided. */
  readonly settle: () => void
}

export interface MemberOptions {
  readonly group: string
  readonly topics: ReadonlyArray<string>
}

/** Joins, and stays for as long as the scope is open. */
export const run = Effect.fnUntraced(function* (
  settings: KafkaSettings,
  { group, topics }: MemberOptions
): Effect.fn.Return<Member, never, Scope.Scope> {
  const changes = Changes.make()
  let phase: Phase = { _tag: "Away" }
  let present: KafkaConsumer | undefined
  let opened: { readonly lease: Lease; readonly stream: KafkaStream } | undefined
  /** Under the present lease, and not taken yet. */
  let fetched: Array<Fetched> = []
  let failure: unknown
  /** The present consumer has been in the group. */
  let joined = false
  let reopenings = 0
  /** Partitions of each topic, as the group was last divided. */
  let divided: ReadonlyMap<string, number> = new Map()
  const fork = yield* FiberSet.makeRuntime()
  const runPromise = yield* FiberSet.makeRuntimePromise()

  const holds = (lease: Lease): boolean => phase._tag !== "Away" && phase.lease === lease

  const leave = (): void => {
    if (phase._tag === "Leaving") Deferred.doneUnsafe(phase.settled, Effect.void)
    phase = { _tag: "Away" }
    fetched = []
    changes.happened()
  }

  /** The barrier before the group is divided anew: nothing else waits for work in hand. */
  const barrier = Effect.suspend(() => {
    if (phase._tag !== "Held") return Effect.void
    const settled = Deferred.makeUnsafe<void>()
    phase = { _tag: "Leaving", lease: phase.lease, settled }
    changes.happened()
    return Effect.andThen(Effect.timeoutOption(Deferred.await(settled), handOverMs), Effect.sync(leave))
  })

  const open = (lease: Lease): void => {
    if (!holds(lease)) return
    lease.consumer.consume({ ...streamOptions, topics: [...topics] }).then(
      (stream) => {
        if (!holds(lease)) return stream.destroy()
        const earlier = opened?.stream
        opened = { lease, stream }
        fetched = []
        // It fetches once somebody listens.
        stream.on("readable", () => {})
        const died = (cause?: unknown) => {
          if (opened?.stream !== stream || !holds(lease)) return
          opened = undefined
          reopenings++
          // A topic that was made anew is another topic, which asks for another lease.
          const isOver = reopenings > mostReopenings || [...Failure.protocolErrors(cause)].some((id) => anew.has(id))
          if (isOver) return lease.giveUp(cause ?? "the stream has ended")
          fork(
            Effect.delay(
              Effect.sync(() => open(lease)),
              reopenMs
            )
          )
        }
        stream.on("error", died)
        stream.on("close", died)
        earlier?.destroy()
        changes.happened()
      },
      (cause: unknown) => lease.giveUp(cause)
    )
  }

  const next = (): LogRecord | undefined => {
    for (let [first] = fetched; first !== undefined; [first] = fetched) {
      const { value } = first.records.next()
      if (value !== undefined) {
        reopenings = 0
        return value
      }
      fetched.shift()
      first.done()
    }
    return undefined
  }

  /** One consumer's life; ends with why it has to be made again. */
  const live = Effect.gen(function* () {
    const broken = yield* Deferred.make<unknown>()
    const giveUp = (cause: unknown) => Deferred.doneUnsafe(broken, Effect.succeed(cause))
    const consumer = yield* Connection.scoped(
      (): KafkaConsumer =>
        new FetchingConsumer(
          {
            ...Connection.options(settings),
            ...consumerOptions,
            groupId: group,
            autocommit: false,
            protocolsMetadata: async (_, __, metadata) => {
              await runPromise(barrier)
              divided = new Map(topics.map((topic) => [topic, metadata.topics.get(topic)?.partitionsCount ?? 0]))
              // A change of what a member says is what has the brokers divide the group anew.
              return Buffer.from([...divided.values()].join())
            }
          },
          (one) => {
            // An answer that comes late is nobody's: where its stream was, a group that was divided anew need not go on.
            if (opened === undefined || one.connections !== opened.stream.connections || !holds(opened.lease)) return
            fetched.push(one)
            changes.happened()
          }
        ),
      (consumer) => consumer.close(true)
    )
    present = consumer
    consumer.on("error", giveUp)
    consumer.on("consumer:heartbeat:stalled", ({ lastError }) => giveUp(lastError ?? "no heartbeat was answered"))
    consumer.on("consumer:group:join", ({ assignments, generationId, memberId }) => {
      const partitions = (assignments ?? []).flatMap(({ partitions, topic }) =>
        partitions.map((partition) => ({ topic, partition }))
      )
      const lease = { consumer, memberId, generation: generationId ?? 0, partitions, giveUp }
      leave()
      phase = { _tag: "Held", lease }
      failure = undefined
      joined = true
      reopenings = 0
      if (partitions.length > 0) open(lease)
      changes.happened()
      fork(ConsumerMetrics.rebalanced(group))
    })
    // They stay tracked, whatever streams come and go, so that opening one never joins the group again.
    consumer.topics.trackAll(...topics)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        leave()
        present = undefined
        opened?.stream.destroy()
        opened = undefined
      })
    )
    yield* Effect.tryPromise(() => consumer.joinGroup({}))
    return yield* Effect.raceFirst(Deferred.await(broken), Effect.andThen(watchPartitions(consumer), Effect.never))
  })

  const watchPartitions = (consumer: KafkaConsumer) =>
    Effect.tryPromise(async () => {
      const metadata = await consumer.metadata({ topics: [...topics], forceUpdate: true })
      const grown = topics.some(
        (topic) => (metadata.topics.get(topic)?.partitionsCount ?? 0) > (divided.get(topic) ?? Infinity)
      )
      if (grown) await consumer.joinGroup({})
    }).pipe(Effect.ignore, Effect.delay(partitionsEvery), Effect.forever)

  const again = Effect.gen(function* () {
    joined = false
    const cause = yield* Effect.scoped(live).pipe(Effect.catch((cause) => Effect.succeed(cause)))
    // One that was well may be so again at once; until then that is no news.
    failure = joined ? undefined : (Failure.deepest(cause) ?? "the consumer has ended")
    changes.happened()
    // While the brokers are away, readiness and its line a minute tell.
    if (joined) yield* Effect.logWarning(`the consumer of ${group} is made again: ${Failure.messageOf(cause)}`)
    yield* Effect.sleep(yield* Random.nextBetween(500, 1_000))
  })
  yield* Effect.forkScoped(Effect.forever(again))

  return {
    changes,
    phase: () => phase,
    consumer: () => present,
    next,
    failure: () => failure,
    settle: () => {
      if (phase._tag === "Leaving") leave()
    }
  }
})
