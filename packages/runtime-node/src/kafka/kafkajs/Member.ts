/**
 * A member of a consumer group for as long as a scope is open: a kafkajs consumer that fills an inbox, and another one in its
 * place whenever it crashes, cannot begin, or stands still (guides kafka-consumer 5 and 9).
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type Kafka, type PartitionAssigner, PartitionAssigners } from "kafkajs"
import * as Connection from "./Connection.ts"
import type * as Inbox from "./Inbox.ts"

export interface Options {
  /** A client of its own for each consumer. */
  readonly connect: () => Kafka
  readonly group: string
  readonly topics: ReadonlyArray<string>
  readonly rack: string | undefined
}

export interface Member {
  /** Why there is no membership; undefined once there is one. */
  readonly failure: () => unknown
}

export const sessionMs = 30_000
const rebalanceMs = 60_000
const heartbeatMs = 1_000
/** Of what a session lasts: then heartbeats have been missing for too long, whatever is still in hand. */
export const handOverMs = 0.6 * sessionMs
/** Longer than a group may take to divide itself. A consumer that is well fetches several times a second. */
const stillMs = 2 * rebalanceMs

/** Partitions are read side by side; kafkajs asks a broker for more when all that it gave is dealt with. */
const concurrency = 1_000

export const run = (options: Options, inbox: Inbox.Inbox): Effect.Effect<Member, never, Scope.Scope> =>
  Effect.gen(function* () {
    let failure: unknown
    const joined = () => {
      failure = undefined
    }
    yield* Effect.scoped(consume(options, inbox, joined)).pipe(
      Effect.flatMap((error) =>
        Effect.sync(() => {
          failure = error
          inbox.changes.happened()
        })
      ),
      Effect.andThen(Random.nextIntBetween(500, 1_000)),
      Effect.flatMap(Effect.sleep),
      Effect.forever,
      Effect.forkScoped
    )
    return { failure: () => failure }
  })

/** One consumer, until it is of no use any more; answers with the reason. */
const consume = (options: Options, inbox: Inbox.Inbox, joined: () => void) =>
  Effect.gen(function* () {
    const over = yield* Deferred.make<unknown>()
    const end = (error: unknown) => Deferred.doneUnsafe(over, Effect.succeed(error))
    const consumer = yield* Connection.scoped(() =>
      options.connect().consumer({
        groupId: options.group,
        sessionTimeout: sessionMs,
        rebalanceTimeout: rebalanceMs,
        heartbeatInterval: heartbeatMs,
        // New partitions are noticed by then.
        metadataMaxAge: 30_000,
        allowAutoTopicCreation: false,
        maxWaitTimeInMs: 200,
        maxBytes: 8 * 1024 * 1024,
        maxBytesPerPartition: 1024 * 1024,
        partitionAssigners: [behind(() => inbox.barrier(Date.now()))],
        retry: { restartOnFailure: () => Promise.resolve(false) },
        ...(options.rack === undefined ? {} : { rackId: options.rack })
      })
    )
    let isAlive = true
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        isAlive = false
        inbox.left()
      })
    )
    let seen = yield* Clock.currentTimeMillis
    const { CRASH, FETCH, GROUP_JOIN } = consumer.events
    consumer.on(GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      seen = Date.now()
      if (!isAlive) return
      joined()
      inbox.joined(
        Object.entries(memberAssignment).flatMap(([topic, partitions]) =>
          partitions.map((partition) => ({ topic, partition }))
        )
      )
    })
    consumer.on(FETCH, () => {
      seen = Date.now()
    })
    consumer.on(CRASH, ({ payload }) => end(payload.error))
    yield* Effect.sync(() => {
      consumer
        .connect()
        .then(() => consumer.subscribe({ topics: [...options.topics], fromBeginning: true }))
        .then(() =>
          consumer.run({
            autoCommit: false,
            eachBatchAutoResolve: false,
            partitionsConsumedConcurrently: concurrency,
            eachBatch: (push) => (isAlive ? inbox.push(push) : Promise.resolve())
          })
        )
        .catch(end)
    })
    const tick = Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (!inbox.isHolding() && now - seen > stillMs) end(new Error(`nothing was fetched for ${stillMs / 1000} s`))
      return Effect.promise(() => inbox.tick(now))
    })
    yield* Effect.forkScoped(Effect.repeat(tick, Schedule.spaced(heartbeatMs)))
    return yield* Deferred.await(over)
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
