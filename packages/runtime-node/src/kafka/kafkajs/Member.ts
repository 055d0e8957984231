/**
 * A member of a consumer group for as long as a scope is open: a kafkajs consumer that fills an inbox, and another one in its
 * place whenever it crashes, cannot begin, or is given up (guides kafka-consumer 5 and 9).
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type Consumer, type Kafka, type PartitionAssigner, PartitionAssigners } from "kafkajs"
import * as ConsumerMetrics from "../ConsumerMetrics.ts"
import * as Connection from "./Connection.ts"
import * as Failure from "./Failure.ts"
import type * as Inbox from "./Inbox.ts"

export interface Options {
  /** A client of its own for each consumer. */
  readonly connect: () => Kafka
  readonly group: string
  readonly topics: ReadonlyArray<string>
  readonly rack: string | undefined
}

export interface Member {
  /** Why there is no consumer, once two in a row have come to nothing. */
  readonly failure: () => unknown
  /** Has it read the partitions of its assignment, which it does not by itself. */
  readonly read: (starts: ReadonlyArray<Inbox.Start>) => void
  /** Has the consumer made again. */
  readonly giveUp: (cause: unknown) => void
}

const sessionMs = 30_000
const rebalanceMs = 60_000
const heartbeatMs = 1_000
/** Of what a session lasts: while something holds up a join, heartbeats may be missing. */
export const handOverMs = 0.6 * sessionMs

/** Partitions are read side by side; kafkajs asks a broker for more when all that it gave is dealt with. */
const concurrency = 1_000

export const run = (options: Options, inbox: Inbox.Inbox): Effect.Effect<Member, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fork = yield* FiberSet.makeRuntime()
    let failure: unknown
    let giveUp = (_: unknown): void => {}
    /** Consumers in a row that have not been in the group. */
    let failures = 0
    let current: Consumer | undefined

    const joined = (consumer: Consumer): void => {
      failures = 0
      failure = undefined
      current = consumer
      fork(ConsumerMetrics.rebalanced(options.group))
    }

    const again = Effect.gen(function* () {
      const over = yield* Deferred.make<unknown>()
      giveUp = (cause) => Deferred.doneUnsafe(over, Effect.succeed(cause))
      const cause = yield* Effect.scoped(
        Effect.andThen(consume(options, inbox, { joined, giveUp }), Deferred.await(over))
      )
      // The first time is no news: a coordinator that is just being started refuses, too.
      if (current === undefined && ++failures > 1) failure = Failure.deepestCause(cause)
      current = undefined
      inbox.changes.happened()
      yield* Effect.logWarning(`the consumer of ${options.group} is made again: ${Failure.messageOf(cause)}`)
      yield* Effect.sleep(yield* Random.nextBetween(500, 1_000))
    })
    yield* Effect.forkScoped(Effect.forever(again))
    return {
      failure: () => failure,
      giveUp: (cause) => giveUp(cause),
      read: (starts) => {
        for (const { next, partition, topic } of starts) current?.seek({ topic, partition, offset: String(next) })
        current?.resume(topicsOf(starts))
      }
    }
  })

/** As kafkajs names partitions where it pauses them. */
const topicsOf = (places: ReadonlyArray<ConsumerMetrics.Place>) =>
  [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, of]) => ({
    topic,
    partitions: of.map(({ partition }) => partition)
  }))

interface Told {
  readonly joined: (consumer: Consumer) => void
  readonly giveUp: (cause: unknown) => void
}

/** Begins to consume, until the scope closes. */
const consume = (options: Options, inbox: Inbox.Inbox, told: Told): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const consumer = yield* Connection.scoped(() =>
      options.connect().consumer({
        groupId: options.group,
        partitionAssigners: [behind(() => inbox.barrier(Date.now()))],
        sessionTimeout: sessionMs,
        rebalanceTimeout: rebalanceMs,
        heartbeatInterval: heartbeatMs,
        // New partitions are noticed by then.
        metadataMaxAge: 30_000,
        allowAutoTopicCreation: false,
        maxWaitTimeInMs: 200,
        maxBytes: 8 * 1024 * 1024,
        maxBytesPerPartition: 1024 * 1024,
        retry: { restartOnFailure: () => Promise.resolve(false) },
        ...(options.rack === undefined ? {} : { rackId: options.rack })
      })
    )
    let isOver = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isOver = true
        inbox.left()
      })
    )
    consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      if (isOver) return
      const places = Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map((partition) => ({ topic, partition }))
      )
      // Where a commit is out of the log's range kafkajs would begin at the log's beginning, and commit that.
      consumer.pause(topicsOf(places))
      told.joined(consumer)
      inbox.joined(places)
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => told.giveUp(payload.error))
    yield* Effect.sync(() => {
      consumer
        .connect()
        .then(() => consumer.subscribe({ topics: [...options.topics], fromBeginning: true }))
        .then(() =>
          consumer.run({
            autoCommit: false,
            eachBatchAutoResolve: false,
            partitionsConsumedConcurrently: concurrency,
            eachBatch: (push) => (isOver ? Promise.resolve() : inbox.push(push))
          })
        )
        .catch(told.giveUp)
    })
    const tick = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.promise(() => inbox.tick(now)))
    yield* Effect.forkScoped(Effect.repeat(tick, Schedule.spaced(heartbeatMs)))
  })

/**
 * Has kafkajs wait before it joins its group. It asks for the group's coordinator then, which is the one step that can be held
 * up while nothing is being read; only here does it show what it asks.
 */
const behind =
  (barrier: () => Promise<void>): PartitionAssigner =>
  (config) => {
    const { cluster } = config
    const find = cluster.findGroupCoordinator.bind(cluster)
    cluster.findGroupCoordinator = (group) => barrier().then(() => find(group))
    return PartitionAssigners.roundRobin(config)
  }
