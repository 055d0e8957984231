/**
 * `Producer` over Kafka, whatever the client: one lane for each partition, in which one send is in flight and is repeated in
 * place, so that messages are never reordered (guides kafka-producer 8). Memory is bounded, for each lane and in all. After a
 * fault a batch may be stored twice, right behind itself.
 */

import * as Changes from "@tributary/pipeline/service/Changes"
import { InHand } from "@tributary/pipeline/service/InHand"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import { Producer, ProducerError } from "@tributary/pipeline/service/Producer"
import * as Span from "@tributary/pipeline/service/Span"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Calls from "./Calls.ts"
import * as Lane from "./Lane.ts"
import type { LaneClient, NoPartitions, Outcome } from "./LaneClient.ts"
import * as TopicLanes from "./TopicLanes.ts"

export interface LanesOptions {
  /** Milliseconds for which a batch that is not full waits for more (`CAPTURE_GATHER`). */
  readonly gatherMs: number
}

/** What may wait for its acknowledgement, in all and for one partition. A call that waits alone may be of any size. */
const heldMessages = 100_000
const heldBytes = 128 * 1024 * 1024
const laneMessages = heldMessages / 2
const laneBytes = heldBytes / 2

/** Bytes of one send over all its batches, far below the brokers' `socket.request.max.bytes` of 100 MB. */
const sendBytes = 16 * 1024 * 1024

/** Milliseconds between two looks at how many partitions a topic has: when they grow, keys move. */
const partitionsEveryMs = 10_000

/** How long the end of a producer waits for acknowledgements. */
const drainMs = 5_000

export const possibleDuplicates = Metric.counter("possible_duplicates_total", {
  description: "Messages sent to Kafka again after a send of which nobody knows whether it was stored",
  incremental: true
})
const failedSends = Metric.counter("kafka_failed_sends_total", {
  description: "Batches that a send to Kafka failed to store",
  incremental: true
})

const waitingMessages = Metric.gauge("kafka_producer_waiting_messages", {
  description: "Messages that wait for their acknowledgement by Kafka"
})
const waitingBytes = Metric.gauge("kafka_producer_waiting_bytes", {
  description: "Bytes of keys, values and headers that wait for their acknowledgement by Kafka"
})

const bytesOf = (key: string | Uint8Array | null): Uint8Array | null =>
  typeof key === "string" ? Buffer.from(key) : key

/** Sends for as long as the scope is open, then waits a while for what is under way. */
export const make = (
  client: LaneClient,
  options: LanesOptions
): Effect.Effect<Producer["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const { add } = yield* InHand
    const draw = () => random.nextDoubleUnsafe()
    const calls = Calls.make(clock)
    const topics = new Map<string, TopicLanes.TopicLanes>()
    /** Lanes that have something to send and do not send. */
    const ready = new Set<Lane.Lane>()
    const arrived = Changes.make()
    const filled = Changes.make()
    /** When the first of what is ready came. */
    let since = 0
    let messages = 0
    let bytes = 0

    const lanesOf = Effect.fnUntraced(function* (
      topic: string,
      deadline: number
    ): Effect.fn.Return<TopicLanes.TopicLanes, ProducerError> {
      for (let pauseMs = 50; ; pauseMs = Math.min(1_000, 2 * pauseMs)) {
        const known = topics.get(topic)
        if (known !== undefined) return known
        const asked = yield* Effect.result(client.partitions(topic))
        if (asked._tag === "Success") {
          if (!topics.has(topic)) topics.set(topic, TopicLanes.make(asked.success))
        } else if (asked.failure.denied || clock.currentTimeMillisUnsafe() + pauseMs >= deadline) {
          return yield* new ProducerError({ reason: "Unavailable", cause: asked.failure.cause })
        } else yield* Effect.sleep(pauseMs)
      }
    })

    const becomesReady = (lane: Lane.Lane): void => {
      if (lane.isSending || Lane.isEmpty(lane)) return
      if (ready.size === 0) since = clock.currentTimeMillisUnsafe()
      if (!ready.has(lane)) {
        ready.add(lane)
        arrived.happened()
      }
      if (Lane.isFull(lane)) filled.happened()
    }

    /** Puts the messages of a call into their lanes, all or none. Their topics are known. */
    const enqueue = (sent: ReadonlyArray<LogMessage>): Calls.Call | ProducerError => {
      const call = calls.make()
      const now = clock.currentTimeMillisUnsafe()
      const added = new Map<Lane.Lane, Array<Lane.Waiting>>()
      let addedBytes = 0
      for (let index = 0; index < sent.length; index++) {
        const message = sent[index]!
        const size = MessageSize.of(message)
        const excess = MessageSize.excess(message.topic, size)
        if (excess !== undefined) {
          call.rejections.push({ index, reason: "TooLarge", detail: excess })
          continue
        }
        const key = bytesOf(message.key)
        const lane = TopicLanes.choose(topics.get(message.topic)!, message.topic, key, now, draw)
        const waiting = added.get(lane)
        const one = { call, index, message, key, size }
        if (waiting === undefined) added.set(lane, [one])
        else waiting.push(one)
        addedBytes += size
        call.left++
      }
      if (messages > 0 && (messages + call.left > heldMessages || bytes + addedBytes > heldBytes)) {
        return new ProducerError({ reason: "Full", cause: `${messages} messages of ${bytes} bytes wait` })
      }
      for (const [lane, waiting] of added) {
        if (lane.messages > 0 && (lane.messages + waiting.length > laneMessages || lane.bytes > laneBytes)) {
          const cause = `${lane.messages} messages of ${lane.bytes} bytes wait for partition ${lane.partition} of ${lane.topic}`
          return new ProducerError({ reason: "Full", cause })
        }
      }
      if (call.left > 0) calls.begin(call)
      for (const [lane, waiting] of added) {
        for (const one of waiting) Lane.add(lane, one)
        becomesReady(lane)
      }
      messages += call.left
      bytes += addedBytes
      return call
    }

    /** Runs what may change how much a lane holds. */
    const measured = <A>(lane: Lane.Lane, change: () => A): A => {
      const before = { messages: lane.messages, bytes: lane.bytes }
      const result = change()
      messages += lane.messages - before.messages
      bytes += lane.bytes - before.bytes
      return result
    }

    /** Sends the heads of some lanes, which are closed meanwhile. */
    const ship = Effect.fnUntraced(function* (lanes: ReadonlyArray<Lane.Lane>) {
      const batches = lanes.map((lane) => ({ topic: lane.topic, partition: lane.partition, messages: lane.head[0]! }))
      const again = lanes.reduce((sum, { head, isUnknown }) => (isUnknown ? sum + head[0]!.length : sum), 0)
      if (again > 0) yield* Metric.update(possibleDuplicates, again)
      const sent = batches.reduce((sum, { messages }) => sum + messages.length, 0)
      const outcomes = yield* client.send(batches).pipe(
        Span.within("Producer.send", { batches: batches.length, messages: sent }),
        Effect.catchCause((cause) => {
          const failed: Outcome = { _tag: "Unavailable", cause: Cause.squash(cause), unknown: true }
          return Effect.as(
            Effect.logError("a bug stopped a send to Kafka", cause),
            batches.map(() => failed)
          )
        })
      )
      const now = clock.currentTimeMillisUnsafe()
      const failures = outcomes.filter(({ _tag }) => _tag !== "Stored").length
      if (failures > 0) yield* Metric.update(failedSends, failures)
      for (const [i, lane] of lanes.entries()) {
        measured(lane, () => Lane.settle(lane, outcomes[i]!, calls, now))
        becomesReady(lane)
      }
    })

    /** What goes into one send: a lane that failed goes alone, so that it holds up no other. */
    const groups = (lanes: ReadonlyArray<Lane.Lane>): ReadonlyArray<ReadonlyArray<Lane.Lane>> => {
      const made: Array<Array<Lane.Lane>> = []
      let open: Array<Lane.Lane> | undefined
      let size = 0
      for (const lane of lanes) {
        const own = lane.head[0]!.reduce((sum, waiting) => sum + waiting.size, 0)
        if (lane.failures > 0) made.push([lane])
        else if (open !== undefined && open.length < client.batchesPerSend && size + own <= sendBytes) {
          open.push(lane)
          size += own
        } else {
          open = [lane]
          size = own
          made.push(open)
        }
      }
      return made
    }

    /** Lanes whose head may be sent now, and the milliseconds until the next one's may. */
    const due = (now: number): readonly [lanes: ReadonlyArray<Lane.Lane>, inMs: number] => {
      const lanes: Array<Lane.Lane> = []
      let inMs = Number.POSITIVE_INFINITY
      for (const lane of ready) {
        if (lane.notBefore <= now) lanes.push(lane)
        else inMs = Math.min(inMs, lane.notBefore - now)
      }
      return [lanes, inMs]
    }

    const sending = yield* Scope.make()
    const step = Effect.gen(function* () {
      const seen = arrived.count()
      const [waiting, inMs] = due(clock.currentTimeMillisUnsafe())
      if (waiting.length === 0) {
        yield* Number.isFinite(inMs) ? Effect.timeoutOption(arrived.after(seen), inMs) : arrived.after(seen)
        return
      }
      const gatherMs = since + options.gatherMs - clock.currentTimeMillisUnsafe()
      if (gatherMs > 0 && !waiting.some(Lane.isFull)) {
        yield* Effect.timeoutOption(filled.after(filled.count()), gatherMs)
      }
      const lanes = due(clock.currentTimeMillisUnsafe())[0].filter((lane) => {
        ready.delete(lane)
        return measured(lane, () => Lane.take(lane, calls)).length > 0
      })
      for (const lane of lanes) lane.isSending = true
      for (const group of groups(lanes)) yield* Effect.forkIn(ship(group), sending)
    })

    const lookAtPartitions = Effect.suspend(() =>
      Effect.forEach(
        topics,
        ([topic, lanes]) =>
          Effect.match(client.partitions(topic), {
            onFailure: (_: NoPartitions) => {},
            onSuccess: (partitions) => {
              lanes.partitions = partitions
            }
          }),
        { discard: true }
      )
    )

    const everySecond = Effect.suspend(() => {
      calls.failOverdue()
      return Effect.andThen(Metric.update(waitingMessages, messages), Metric.update(waitingBytes, bytes))
    })

    yield* Effect.forkIn(Effect.forever(step), sending)
    yield* Effect.forkIn(Effect.forever(Effect.delay(lookAtPartitions, partitionsEveryMs)), sending)
    yield* Effect.forkIn(Effect.forever(Effect.delay(everySecond, "1 second")), sending)
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        const drained = Effect.repeat(Effect.sleep(20), { while: () => calls.open() > 0 })
        if (calls.open() > 0) yield* Effect.timeoutOption(drained, drainMs)
        add("send", calls.open())
        calls.failAll("the producer is closed")
        yield* Scope.close(sending, Exit.void)
      })
    )

    return Producer.of({
      send: (sent) => {
        if (sent.length === 0) return Effect.succeed([])
        const unknown = new Set<string>()
        for (const { topic } of sent) if (!topics.has(topic)) unknown.add(topic)
        const deadline = clock.currentTimeMillisUnsafe() + Calls.timeLimitMs
        const known = Effect.forEach(unknown, (topic) => lanesOf(topic, deadline), {
          concurrency: "unbounded",
          discard: true
        })
        const queued = Effect.suspend(() => {
          const call = enqueue(sent)
          if (call instanceof ProducerError) return Effect.fail(call)
          if (call.left === 0) return Effect.succeed(call.rejections)
          // What nobody waits for need not be sent.
          return Effect.onInterrupt(Deferred.await(call.result), () =>
            Effect.sync(() => calls.fail(call, "interrupted"))
          )
        })
        return unknown.size === 0 ? queued : Effect.andThen(known, queued)
      }
    })
  })
