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
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type { Admin } from "kafkajs"
import type { KafkaSettings } from "../Settings.ts"
import * as Codecs from "./Codecs.ts"
import * as Connection from "./Connection.ts"
import * as Inbox from "./Inbox.ts"
import * as Member from "./Member.ts"

const limits: Connection.Limits = { connectMs: 3_000, requestMs: 15_000, retries: 5 }

/** Milliseconds after which a poll that gathers has kafkajs fetch again, at most; fetched bytes from which it does not. */
const refillMs = 100
const plentyBytes = 512 * 1024

const commitAgain = Schedule.upTo(Schedule.spaced("1 second"), { times: 5 })

const attempt = <A>(operation: string, run: () => Promise<A>): Effect.Effect<A, EventLogError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new EventLogError({ operation, cause }) })

export const layer = (settings: KafkaSettings): Layer.Layer<EventLog> =>
  Layer.effect(
    EventLog,
    Effect.gen(function* () {
      yield* Effect.promise(Codecs.register)
      const connect = () => Connection.make(settings, limits)
      const admin = yield* Connection.scoped(() => connect().admin())
      return EventLog.of({ subscribe: subscribe(settings, connect, admin) })
    })
  )

const subscribe = (settings: KafkaSettings, connect: () => ReturnType<typeof Connection.make>, admin: Admin) =>
  Effect.fnUntraced(function* (options: SubscribeOptions) {
    const { group, topics } = options
    const inbox = Inbox.make({ handOverMs: Member.handOverMs, onGap: () => undefined })
    const member = yield* Member.run({ connect, group, topics, rack: settings.rack }, inbox)
    const assign = assignments(admin, group)

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
          if (!inbox.tellAssigned(news.partitions, starts) || found.length === 0) continue
          return { _tag: "Assigned", partitions: found.map(({ assignment }) => assignment) } satisfies Polled
        }
        const cause = member.failure()
        if (cause !== undefined) return yield* new EventLogError({ operation: "poll", cause })
        const { bytes, messages } = inbox.size()
        if (messages === 0) {
          yield* inbox.changes.after(seen)
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

    /** After a failure the answer alone may have been lost. */
    const commit = (positions: ReadonlyArray<Position>) =>
      attempt("commit", () => inbox.commit(positions)).pipe(
        Effect.catch((error) =>
          Effect.flatMap(
            attempt("commit", () => committedOffsets(admin, group, topics)),
            (committed) => {
              for (const position of positions) {
                if ((committed.get(Inbox.keyOf(position)) ?? -1n) < position.offset) return Effect.fail(error)
                inbox.confirm(position)
              }
              return Effect.void
            }
          )
        ),
        Effect.retry(commitAgain),
        Effect.asVoid
      )

    return { poll, commit } satisfies Subscription
  })

interface Found {
  readonly assignment: Assignment
  readonly start: Inbox.Start
}

/** Where reading begins: at the commit, or at the nearest end of the log where that has been cut. */
const assignments = (admin: Admin, group: string) => (partitions: ReadonlyArray<Inbox.Place>) =>
  attempt("assign", async (): Promise<ReadonlyArray<Found>> => {
    const topics = [...new Set(partitions.map(({ topic }) => topic))]
    const offsets = new Map<string, bigint>(await committedOffsets(admin, group, topics))
    const bounds = new Map<string, { readonly low: bigint; readonly high: bigint }>()
    for (const topic of topics) {
      for (const { high, low, partition } of await offsetsOf(admin, topic)) {
        bounds.set(Inbox.keyOf({ topic, partition }), { low: BigInt(low), high: BigInt(high) })
      }
    }
    return partitions.map((place) => {
      const { high, low } = bounds.get(Inbox.keyOf(place)) ?? { low: 0n, high: 0n }
      const committed = offsets.get(Inbox.keyOf(place))
      const next = committed === undefined ? low : committed < high ? committed : high
      return {
        assignment: { ...place, topicId: undefined, begin: low, end: endOf(admin, place), committed },
        start: { ...place, next, committed: committed === undefined ? undefined : next }
      }
    })
  })

const endOf = (admin: Admin, { partition, topic }: Inbox.Place): Assignment["end"] =>
  attempt("end", async () => {
    const found = (await offsetsOf(admin, topic)).find((offsets) => offsets.partition === partition)
    if (found === undefined) throw new Error(`${topic} has no partition ${partition}`)
    return BigInt(found.high)
  })

const offsetsOf = async (admin: Admin, topic: string) => {
  await admin.connect()
  return admin.fetchTopicOffsets(topic)
}

const committedOffsets = async (admin: Admin, group: string, topics: ReadonlyArray<string>) => {
  const offsets = new Map<string, bigint>()
  if (topics.length === 0) return offsets
  await admin.connect()
  for (const { partitions, topic } of await admin.fetchOffsets({ groupId: group, topics: [...topics] })) {
    for (const { offset, partition } of partitions) {
      if (BigInt(offset) >= 0n) offsets.set(Inbox.keyOf({ topic, partition }), BigInt(offset))
    }
  }
  return offsets
}
