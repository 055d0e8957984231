/**
 * `Producer` over the log's tables, by group commit without a timer: one append is in flight, and what is sent meanwhile
 * makes up the next one, whatever its topics (guides postgres 9). So messages never overtake each other.
 */

import * as Changes from "@tributary/pipeline/service/Changes"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import { Producer, ProducerError, type Rejection } from "@tributary/pipeline/service/Producer"
import * as SqlFailure from "@tributary/runtime-node/postgres/SqlFailure"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as SqlError from "effect/sql/SqlError"
import { freeBytes } from "../DataDir.ts"
import * as Append from "./Append.ts"
import type { LogDatabase } from "./LogDatabase.ts"
import { LogHeads } from "./LogHeads.ts"

export interface EmbeddedProducerOptions {
  /** Folder whose file system must have room; undefined: not looked at. */
  readonly dataDir?: string | undefined
  /** How much room, in bytes; 1 GB. */
  readonly leastFreeBytes?: number | undefined
  /** Milliseconds for which an append that is not full waits for more (`CAPTURE_GATHER`). */
  readonly gatherMs?: number | undefined
}

/** One append takes so many messages and bytes, or one message. */
const appendMessages = 1_000
const appendBytes = 8 * 1024 * 1024

/** What may wait for its acknowledgement (spec capture 5.1). A call that waits alone may be of any size. */
const heldMessagesLimit = 100_000
const heldBytesLimit = 128 * 1024 * 1024

/** Within a second more at most: one look at all calls costs less than a timer for each. */
const timeLimitMs = 20_000

/** One `send`. */
interface Call {
  readonly messages: ReadonlyArray<LogMessage>
  readonly rejections: Array<Rejection>
  /** Milliseconds since the epoch after which it fails. */
  readonly deadline: number
  /** Messages that are neither appended nor rejected. */
  left: number
  /** Why the last append failed. */
  cause: unknown
  readonly result: Deferred.Deferred<ReadonlyArray<Rejection>, ProducerError>
}

interface Waiting {
  readonly call: Call
  readonly index: number
  readonly bytes: number
}

export const layer = (options: EmbeddedProducerOptions = {}): Layer.Layer<Producer, never, LogDatabase | LogHeads> =>
  Layer.effect(Producer, make(options))

const make = (options: EmbeddedProducerOptions) =>
  Effect.gen(function* () {
    const append = yield* Append.make
    const heads = yield* LogHeads
    const clock = yield* Clock.Clock
    const arrived = Changes.make()
    /** Calls without a result, the oldest first. */
    const open = new Set<Call>()
    const queue: Array<Waiting> = []
    /** Of the messages in the queue and in flight. */
    let heldBytes = 0
    let inFlight: ReadonlyArray<Waiting> = []

    const enqueue = (messages: ReadonlyArray<LogMessage>): Call | ProducerError => {
      const deadline = clock.currentTimeMillisUnsafe() + timeLimitMs
      const call: Call = {
        messages,
        rejections: [],
        deadline,
        left: 0,
        cause: "time limit",
        result: Deferred.makeUnsafe()
      }
      const waiting: Array<Waiting> = []
      let bytes = 0
      for (const [index, message] of messages.entries()) {
        const size = MessageSize.of(message)
        const excess = MessageSize.excess(message.topic, size)
        if (excess !== undefined) call.rejections.push({ index, reason: "TooLarge", detail: excess })
        else {
          waiting.push({ call, index, bytes: size })
          bytes += size
        }
      }
      const held = queue.length + inFlight.length
      const full = held + waiting.length > heldMessagesLimit || heldBytes + bytes > heldBytesLimit
      if (full && held > 0) {
        return new ProducerError({ reason: "Full", cause: `${held} messages of ${heldBytes} bytes wait` })
      }
      call.left = waiting.length
      heldBytes += bytes
      for (const one of waiting) queue.push(one)
      if (waiting.length > 0) {
        open.add(call)
        arrived.happened()
      }
      return call
    }

    const end = (call: Call, result: Effect.Effect<ReadonlyArray<Rejection>, ProducerError>): void => {
      open.delete(call)
      Deferred.doneUnsafe(call.result, result)
    }

    const fail = (call: Call, cause: unknown): void =>
      end(call, Effect.fail(new ProducerError({ reason: "Unavailable", cause })))

    /** One message of the call is appended or rejected. */
    const settled = (call: Call): void => {
      call.left--
      if (call.left > 0) return
      call.rejections.sort((a, b) => a.index - b.index)
      end(call, Effect.succeed(call.rejections))
    }

    const failOverdue = Effect.sync(() => {
      const now = clock.currentTimeMillisUnsafe()
      for (const call of open) {
        if (call.deadline > now) break
        fail(call, call.cause)
      }
    })

    /** The messages of the next append. */
    const take = (): Array<Waiting> => {
      let count = 0
      let bytes = 0
      while (count < queue.length && count < appendMessages) {
        const size = queue[count]!.bytes
        if (count > 0 && bytes + size > appendBytes) break
        bytes += size
        count++
      }
      return queue.splice(0, count)
    }

    /** Tries until each message is appended, rejected, or waited for by nobody. */
    const settle = Effect.fnUntraced(function* (taken: ReadonlyArray<Waiting>): Effect.fn.Return<void> {
      for (let pauseMs = 20; ; pauseMs = Math.min(1_000, 2 * pauseMs)) {
        const waiting = taken.filter(({ call }) => !Deferred.isDoneUnsafe(call.result))
        if (waiting.length === 0) return
        const result = yield* Effect.result(append(waiting.map(({ call, index }) => call.messages[index]!)))
        if (Result.isSuccess(result)) {
          for (const { call } of waiting) settled(call)
          return
        }
        const error = result.failure
        if (error._tag === "HeadMissing") heads.forget()
        if (SqlError.isSqlError(error) && isRefusal(error)) {
          if (waiting.length > 1) {
            const half = waiting.length >> 1
            yield* settle(waiting.slice(0, half))
            yield* settle(waiting.slice(half))
            return
          }
          const { call, index } = waiting[0]!
          call.rejections.push({ index, reason: "Refused", detail: error.reason.message })
          settled(call)
          return
        }
        for (const { call } of waiting) call.cause = error
        yield* Effect.sleep(pauseMs)
      }
    })

    const step = Effect.gen(function* () {
      const seen = arrived.count()
      if (queue.length === 0) return yield* arrived.after(seen)
      if (options.gatherMs !== undefined && options.gatherMs > 0 && queue.length < appendMessages) {
        yield* Effect.sleep(options.gatherMs)
      }
      inFlight = take()
      yield* settle(inFlight).pipe(
        Effect.catchDefect((bug) =>
          Effect.andThen(
            Effect.logError("a bug stopped an append", bug),
            Effect.sync(() => {
              for (const { call } of inFlight) fail(call, bug)
            })
          )
        )
      )
      for (const { bytes } of inFlight) heldBytes -= bytes
      inFlight = []
    })

    yield* Effect.forkScoped(Effect.forever(step))
    yield* Effect.forkScoped(Effect.forever(Effect.delay(failOverdue, "1 second")))
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const call of open) fail(call, "the producer is closed")
      })
    )

    const outOfDisk = yield* lowOnDisk(options.dataDir, options.leastFreeBytes ?? 1e9)

    return Producer.of({
      send: (messages) => {
        if (messages.length === 0) return Effect.succeed([])
        return Effect.flatMap(outOfDisk, (low) => {
          if (low !== undefined) return Effect.fail(new ProducerError({ reason: "OutOfDisk", cause: low }))
          const call = enqueue(messages)
          if (call instanceof ProducerError) return Effect.fail(call)
          if (call.left === 0) return Effect.succeed(call.rejections)
          // What nobody waits for need not be appended.
          return Effect.onInterrupt(Deferred.await(call.result), () => Effect.sync(() => fail(call, "interrupted")))
        })
      }
    })
  })

/**
 * Whether the data are to blame: a value that no column takes, a broken rule, a limit of the server. Anything else, as
 * missing rights or tables, an operator mends.
 */
const isRefusal = (error: SqlError.SqlError): boolean => {
  const state = SqlFailure.sqlState(error)
  return state === undefined ? !error.isRetryable : /^(22|23|54)/.test(state)
}

/** Why nothing more may be written, if so; the disk is looked at once a second at most. */
const lowOnDisk = (folder: string | undefined, leastFreeBytes: number) =>
  Effect.cachedWithTTL(
    folder === undefined
      ? Effect.undefined
      : Effect.match(freeBytes(folder), {
          // A disk that cannot be measured is not known to be full.
          onFailure: () => undefined,
          onSuccess: (free) => (free < leastFreeBytes ? `${folder} has ${free} bytes of free disk` : undefined)
        }),
    "1 second"
  )
