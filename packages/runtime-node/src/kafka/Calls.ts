/**
 * The calls of `Producer.send` that wait for their acknowledgements: what they hold in memory is bounded, and none waits for
 * longer than 20 s.
 */
import { type Producer, ProducerError, type Rejection } from "@tributary/pipeline/service/Producer"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

export type Result = Effect.Success<ReturnType<Producer["Service"]["send"]>>

/** One `send`. */
export interface Call {
  readonly rejections: Array<Rejection>
  /** Milliseconds since the epoch after which it fails. */
  readonly deadline: number
  /** Messages that are neither stored nor rejected. */
  left: number
  /** Why it has had to wait, as far as is known. */
  cause: unknown
  readonly result: Deferred.Deferred<Result, ProducerError>
}

/** A message of a call, on its way. */
export interface Pending {
  readonly call: Call
  readonly index: number
}

/** Within a second more at most: one look at all calls costs less than a timer for each (guides kafka-producer 8). */
export const timeLimitMs = 20_000

export interface Calls {
  readonly make: () => Call
  /** From now on the call may time out, and must be settled. */
  readonly begin: (call: Call) => void
  readonly isOver: (call: Call) => boolean
  readonly fail: (call: Call, cause: unknown) => void
  /** One message of the call is stored. */
  readonly stored: (pending: Pending) => void
  readonly reject: (pending: Pending, reason: Rejection["reason"], detail: string) => void
  readonly open: () => number
  readonly failOverdue: () => void
  readonly failAll: (cause: unknown) => void
}

export const make = (clock: Clock.Clock): Calls => {
  /** Calls without a result, the oldest first. */
  const open = new Set<Call>()

  const end = (call: Call, result: Effect.Effect<Result, ProducerError>): void => {
    open.delete(call)
    Deferred.doneUnsafe(call.result, result)
  }
  const fail = (call: Call, cause: unknown): void =>
    end(call, Effect.fail(new ProducerError({ reason: "Unavailable", cause })))
  const settled = (call: Call): void => {
    call.left--
    if (call.left > 0 || !open.has(call)) return
    call.rejections.sort((a, b) => a.index - b.index)
    end(call, Effect.succeed(call.rejections))
  }

  return {
    make: () => ({
      rejections: [],
      deadline: clock.currentTimeMillisUnsafe() + timeLimitMs,
      left: 0,
      cause: "time limit",
      result: Deferred.makeUnsafe()
    }),
    begin: (call) => void open.add(call),
    isOver: (call) => !open.has(call),
    fail,
    stored: ({ call }) => settled(call),
    reject: ({ call, index }, reason, detail) => {
      call.rejections.push({ index, reason, detail })
      settled(call)
    },
    open: () => open.size,
    failOverdue: () => {
      const now = clock.currentTimeMillisUnsafe()
      for (const call of open) {
        if (call.deadline > now) break
        fail(call, call.cause)
      }
    },
    failAll: (cause) => {
      for (const call of open) fail(call, cause)
    }
  }
}
