/**
 * One partition's way to the brokers: what waits for it, and the batch that is being sent. A batch that failed stays at the
 * head and is sent again in place, so nothing overtakes it (guides kafka-producer 8).
 */
import type { Calls, Pending } from "./Calls.ts"
import type { LaneMessage, Outcome } from "./LaneClient.ts"

/** One batch has so many messages and bytes, or one message: a neighbour's size must not get a message refused. */
const batchMessages = 500
const batchBytes = 900_000

/** What stands around a record and a header in a batch, in bytes. */
const recordBytes = 20
const headerBytes = 10

export interface Waiting extends Pending, LaneMessage {
  /** Of key, value and headers. */
  readonly size: number
}

export interface Lane {
  readonly topic: string
  readonly partition: number
  /** What waits behind `head`, from `first` on. */
  queue: Array<Waiting>
  first: number
  /** Batches that were cut already: the one in flight or to be sent again, and what a split left behind it. */
  head: Array<ReadonlyArray<Waiting>>
  isSending: boolean
  /** Sends of the head that have failed so far; others are not made to wait for it. */
  failures: number
  /** The head may be stored already. */
  isUnknown: boolean
  /** Milliseconds since the epoch before which the head is not sent again. */
  notBefore: number
  /** Messages and bytes, those in flight included. */
  messages: number
  bytes: number
}

export const make = (topic: string, partition: number): Lane => ({
  topic,
  partition,
  queue: [],
  first: 0,
  head: [],
  isSending: false,
  failures: 0,
  isUnknown: false,
  notBefore: 0,
  messages: 0,
  bytes: 0
})

export const add = (lane: Lane, waiting: Waiting): void => {
  lane.queue.push(waiting)
  lane.messages++
  lane.bytes += waiting.size
}

export const isEmpty = (lane: Lane): boolean => lane.head.length === 0 && lane.first === lane.queue.length

/** Whether a batch of it could hold no more. */
export const isFull = (lane: Lane): boolean => lane.messages >= batchMessages || lane.bytes >= batchBytes

const weight = ({ message, size }: Waiting): number => size + recordBytes + headerBytes * message.headers.length

const forget = (lane: Lane, waiting: Waiting): void => {
  lane.messages--
  lane.bytes -= waiting.size
}

/** The next batch, without what nobody waits for any more; it becomes the head. Empty: nothing is left. */
export const take = (lane: Lane, calls: Calls): ReadonlyArray<Waiting> => {
  while (lane.head.length > 0) {
    const wanted = lane.head[0]!.filter((waiting) => {
      const over = calls.isOver(waiting.call)
      if (over) forget(lane, waiting)
      return !over
    })
    if (wanted.length > 0) {
      lane.head[0] = wanted
      return wanted
    }
    lane.head.shift()
    lane.failures = 0
    lane.isUnknown = false
  }
  const batch: Array<Waiting> = []
  let bytes = 0
  for (; lane.first < lane.queue.length && batch.length < batchMessages; lane.first++) {
    const waiting = lane.queue[lane.first]!
    if (calls.isOver(waiting.call)) {
      forget(lane, waiting)
      continue
    }
    bytes += weight(waiting)
    if (batch.length > 0 && bytes > batchBytes) break
    batch.push(waiting)
  }
  if (lane.first === lane.queue.length || lane.first > 5_000) {
    lane.queue = lane.queue.slice(lane.first)
    lane.first = 0
  }
  if (batch.length > 0) lane.head.push(batch)
  return batch
}

/** 50 ms, doubling up to 1 s. */
const pauseMs = (failures: number): number => Math.min(1_000, 50 * 2 ** Math.min(failures, 10))

/** Deals with what became of the head. */
export const settle = (lane: Lane, outcome: Outcome, calls: Calls, now: number): void => {
  const [batch = [], ...behind] = lane.head
  lane.isSending = false
  if (outcome._tag === "Unavailable") {
    for (const { call } of batch) call.cause = outcome.cause
    lane.notBefore = now + pauseMs(lane.failures)
    lane.failures++
    if (outcome.unknown) lane.isUnknown = true
    return
  }
  lane.failures = 0
  lane.isUnknown = false
  if ((outcome._tag === "TooLarge" || outcome._tag === "Refused") && batch.length > 1) {
    // Only the message to blame must fail: halves lead to it in a few sends.
    const half = batch.length >> 1
    lane.head = [batch.slice(0, half), batch.slice(half), ...behind]
    return
  }
  lane.head = behind
  for (const waiting of batch) {
    forget(lane, waiting)
    switch (outcome._tag) {
      case "Stored":
        calls.stored(waiting)
        break
      case "Denied":
        if (!calls.isOver(waiting.call)) calls.fail(waiting.call, outcome.cause)
        break
      default:
        calls.reject(waiting, outcome._tag, outcome.detail)
    }
  }
}
