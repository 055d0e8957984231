/**
 * `EventLog` over kafkajs. Subscriptions of a group share its topics' partitions, eagerly: at each change all are revoked and
 * assigned anew, and what is in hand may hold that up for 18 s. Commits of what is not ours any more do nothing.
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
import * as Schedule from "effect/Schedule"
import type { Kafka } from "kafkajs"
import * as ConsumerMetrics from "../ConsumerMetrics.ts"
import * as Lag from "../Lag.ts"
import type { KafkaSettings } from "../Settings.ts"
import * as Codecs from "./Codecs.ts"
import * as Connection from "./Connection.ts"
import * as Failure from "./Failure.ts"
import * as Inbox from "./Inbox.ts"
import * as Member from "./Member.ts"
import * as Offsets from "./Offsets.ts"

const limits: Connection.Limits = { connectMs: 3_000, requestMs: 15_000, retries: 5 }

/** Milliseconds after which a poll that gathers has kafkajs fetch again, at most; fetched bytes from which it does not. */
const refillMs = 100
const plentyBytes = 512 * 1024

/** Leaders of topics that were just made, or have just moved, are not everywhere known. */
const assignAgain = Schedule.upTo(Schedule.spaced("200 millis"), { times: 10 })

const commitAgain = Schedule.upTo(Schedule.spaced("1 second"), { times: 5 })

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, EventLogError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new EventLogError({ operation, cause: Failure.deepestCause(cause) })
  })

export const layer = (settings: KafkaSettings): Layer.Layer<EventLog> =>
  Layer.effect(
    EventLog,
    Effect.gen(function* () {
      yield* Effect.promise(Codecs.register)
      const connect = () => Connection.make(settings, limits)
      const offsets = yield* Offsets.make(connect)
      return EventLog.of({ subscribe: subscribe(settings, connect, offsets) })
    })
  )

const subscribe = (settings: KafkaSettings, connect: () => Kafka, offsets: Offsets.Offsets) =>
  Effect.fnUntraced(function* (options: SubscribeOptions) {
    const { group, topics } = options
    const fork = yield* FiberSet.makeRuntime()
    const inbox = Inbox.make({
      handOverMs: Member.handOverMs,
      onGap: (place, from, to) => fork(ConsumerMetrics.gap(group, place, from, to)),
      onReset: ({ partition, topic }) => member.giveUp(`partition ${partition} of ${topic} begins again`)
    })
    const member: Member.Member = yield* Member.run({ connect, group, topics, rack: settings.rack }, inbox)
    /** A poll waits, and nothing is there. */
    let waits = false
    const assign = assignments(offsets, group)

    const poll: Subscription["poll"] = Effect.gen(function* () {
      inbox.settle()
      const refillEvery = Math.min(refillMs, Math.max(10, options.gatherMs / 2))
      let gatherUntil: number | undefined
      let refillAt = 0
      while (true) {
        const seen = inbox.changes.count()
        const news = inbox.news()
        if (news?._tag === "Revoked") {
          inbox.tellRevoked()
          return news
        }
        if (news?._tag === "Assigned") {
          const found = yield* assign(news.partitions)
          const starts = found.map(({ start }) => start)
          if (!inbox.tellAssigned(news.partitions, starts)) continue
          member.read(starts)
          if (found.length === 0) continue
          for (const { assignment, start } of found) {
            const { begin, committed = begin } = assignment
            if (committed < begin) yield* ConsumerMetrics.gap(group, start, committed, begin)
          }
          return { _tag: "Assigned", partitions: found.map(({ assignment }) => assignment) } satisfies Polled
        }
        const cause = member.failure()
        if (cause !== undefined) return yield* new EventLogError({ operation: "poll", cause })
        const { bytes, messages } = inbox.size()
        if (messages === 0) {
          waits = true
          yield* Effect.ensuring(
            inbox.changes.after(seen),
            Effect.sync(() => void (waits = false))
          )
          continue
        }
        const now = yield* Clock.currentTimeMillis
        if (gatherUntil === undefined) {
          gatherUntil = now + options.gatherMs
          refillAt = now + refillEvery
        }
        if (messages >= options.maxMessages || bytes >= Math.min(options.maxBytes, plentyBytes) || now >= gatherUntil) {
          return { _tag: "Records", records: inbox.take(options.maxMessages, options.maxBytes) } satisfies Polled
        }
        if (now >= refillAt) {
          refillAt = now + refillEvery
          inbox.refill()
          continue
        }
        yield* Effect.timeoutOption(inbox.changes.after(seen), Math.min(gatherUntil, refillAt) - now)
      }
    })

    const commit = (positions: ReadonlyArray<Position>) =>
      attempt("commit", () => inbox.commit(positions)).pipe(
        // The answer alone may have been lost.
        Effect.catch((error) =>
          Effect.flatMap(
            attempt("commit", () => offsets.committed(group, topics)),
            (committed) => {
              const isMissing = (position: Position) =>
                (committed.get(ConsumerMetrics.keyOf(position)) ?? -1n) < position.offset
              if (positions.some(isMissing)) return Effect.fail(error)
              for (const position of positions) inbox.confirm(position)
              return Effect.succeed("committed" as const)
            }
          )
        ),
        Effect.retry(commitAgain),
        Effect.flatMap((result) => (result === "fenced" ? ConsumerMetrics.fencedCommit(group) : Effect.void))
      )

    yield* Lag.watch(group, {
      held: () => (inbox.isReading() ? { ends: endsOf(offsets), giveUp: member.giveUp } : undefined),
      waits: () => waits,
      progress: inbox.progress
    })
    return { poll, commit } satisfies Subscription
  })

interface Found {
  readonly assignment: Assignment
  readonly start: Inbox.Start
}

/** Where reading begins: at the commit, or at the nearest end of what the log holds. */
const assignments = (offsets: Offsets.Offsets, group: string) => (partitions: ReadonlyArray<ConsumerMetrics.Place>) =>
  attempt("assign", async (): Promise<ReadonlyArray<Found>> => {
    const topics = [...new Set(partitions.map(({ topic }) => topic))]
    const commits = await offsets.committed(group, topics)
    const bounds = new Map<string, ReadonlyArray<Offsets.Bounds>>()
    for (const topic of topics) bounds.set(topic, await offsets.bounds(topic))
    return partitions.map((place) => {
      const { begin, end } = boundsIn(bounds.get(place.topic), place)
      const committed = commits.get(ConsumerMetrics.keyOf(place))
      const next = nearest(committed ?? begin, { begin, end })
      const assignment = { ...place, topicId: undefined, begin, end: endOf(offsets, place), committed }
      return { assignment, start: { ...place, next } }
    })
  }).pipe(Effect.retry(assignAgain))

const nearest = (offset: bigint, { begin, end }: Offsets.Bounds): bigint => {
  if (offset < begin) return begin
  return offset > end ? end : offset
}

const endOf = (offsets: Offsets.Offsets, place: ConsumerMetrics.Place): Assignment["end"] =>
  attempt("end", async () => boundsIn(await offsets.bounds(place.topic), place).end).pipe(Effect.retry(assignAgain))

const boundsIn = (
  all: ReadonlyArray<Offsets.Bounds> | undefined,
  { partition, topic }: ConsumerMetrics.Place
): Offsets.Bounds => {
  const bounds = all?.[partition]
  if (bounds === undefined) throw new Error(`${topic} has no partition ${partition}`)
  return bounds
}

/** By topic, then partition. */
const endsOf = (offsets: Offsets.Offsets) => async (topics: ReadonlyArray<string>) => {
  const ends = new Map<string, ReadonlyArray<bigint>>()
  for (const topic of topics)
    ends.set(
      topic,
      (await offsets.bounds(topic)).map(({ end }) => end)
    )
  return ends
}
