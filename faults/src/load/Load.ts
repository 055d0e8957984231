/**
 * Steady load from several producers at once, who behave as SDKs do: what was not answered with 200 is sent again, the same
 * events under the same uuids, until it is. A distinct id is sent by one producer alone, its next event only when the one
 * before was acknowledged: so there is an order to be kept.
 */
import * as Chance from "@tributary/pipeline/simulate/machine/Chance"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Life from "./Life.ts"
import type { LoadEvent } from "./LoadEvent.ts"
import * as Request from "./Request.ts"

export interface Options {
  /** `http://host:port` of capture; several producers spread over several. */
  readonly captures: ReadonlyArray<string>
  readonly token: string
  readonly seed: number
  readonly producers: number
  /** Of all producers together, while everything is well. */
  readonly eventsPerSecond: number
}

export class LoadError extends Data.TaggedError("LoadError")<{ readonly reason: string }> {
  override get message(): string {
    return this.reason
  }
}

export interface Load {
  /** All events that were answered with 200, in the order of the answers; grows. */
  readonly acknowledged: ReadonlyArray<LoadEvent>
  /** Waits for the next events that are sent from now on and acknowledged: so many that no partition is left out. */
  readonly next: Effect.Effect<ReadonlyArray<LoadEvent>>
  /** Sends nothing new; waits until all that was sent is acknowledged. */
  readonly stop: Effect.Effect<void, LoadError>
  /** Fails when a request is refused for good. */
  readonly failure: Effect.Effect<never, LoadError>
}

interface Waiter {
  readonly since: number
  readonly events: Array<LoadEvent>
  readonly found: Deferred.Deferred<ReadonlyArray<LoadEvent>>
}

/** Of as many users: one of four partitions is left out once in 25,000 times. */
const eventsOfAllPartitions = 40
/** Users of one producer at a time; a request holds at most one event of each. */
const usersAtOnce = 25
const eventsPerRequest = 15
const untilAcknowledged = {
  until: (isAcknowledged: boolean) => isAcknowledged,
  schedule: Schedule.spaced("100 millis")
}

/**
 * One attempt; undefined when no answer comes. Without a time limit: a request that is given up might still be stored, after its
 * repetition.
 */
const post = (capture: string, { body, headers, path }: Request.Request) =>
  Effect.promise(async (signal) => {
    try {
      const reply = await fetch(capture + path, { method: "POST", body, headers, signal })
      return { status: reply.status, text: await reply.text() }
    } catch {
      return undefined
    }
  })

export const start = (options: Options): Effect.Effect<Load, never, Scope.Scope> =>
  Effect.gen(function* () {
    const acknowledged: Array<LoadEvent> = []
    const waiting = new Set<Waiter>()
    let attempts = 0
    let isStopping = false

    const answered = (attempt: number, events: ReadonlyArray<LoadEvent>): void => {
      acknowledged.push(...events)
      for (const waiter of waiting) {
        if (attempt <= waiter.since) continue
        waiter.events.push(...events)
        if (waiter.events.length < eventsOfAllPartitions) continue
        waiting.delete(waiter)
        Deferred.doneUnsafe(waiter.found, Effect.succeed(waiter.events))
      }
    }

    /** Whether it was acknowledged. */
    const attempt = Effect.fnUntraced(function* (
      capture: string,
      request: Request.Request,
      events: ReadonlyArray<LoadEvent>
    ): Effect.fn.Return<boolean, LoadError> {
      const number = ++attempts
      const reply = yield* post(capture, request)
      if (reply === undefined || reply.status >= 500) return false
      if (reply.status !== 200) {
        return yield* new LoadError({ reason: `capture answered ${reply.status}: ${reply.text}` })
      }
      answered(number, events)
      return true
    })

    const produce = Effect.fnUntraced(function* (producer: number) {
      const { captures, eventsPerSecond, producers, seed, token } = options
      const chance = Chance.make(seed, `producer ${producer}`)
      const capture = captures[producer % captures.length]!
      let users = producer
      const born = (): { readonly life: Life.Life; lived: number } => {
        const life = Life.make(users, chance)
        users += producers
        return { life, lived: 0 }
      }
      const lives = Array.from({ length: usersAtOnce }, born)
      while (!isStopping) {
        const began = yield* Clock.currentTimeMillis
        const events = lives.splice(0, chance.happens(0.3) ? 1 : 2 + chance.int(eventsPerRequest - 1)).map((one) => {
          const event = one.life[one.lived++]!
          lives.push(one.lived < one.life.length ? one : born())
          return event
        })
        const timestamp = DateTime.formatIso(DateTime.makeUnsafe(began))
        const request = Request.of(events, { token, timestamp, compress: chance.happens(0.4) })
        yield* Effect.repeat(attempt(capture, request, events), untilAcknowledged)
        const due = began + (1000 * events.length * producers) / eventsPerSecond
        yield* Effect.sleep(Math.max(0, due - (yield* Clock.currentTimeMillis)))
      }
    })

    const producers = Array.from({ length: options.producers }, (_, producer) => producer)
    const running = yield* Effect.forkScoped(
      Effect.forEach(producers, produce, { concurrency: "unbounded", discard: true })
    )
    return {
      acknowledged,
      next: Effect.suspend(() => {
        const found = Deferred.makeUnsafe<ReadonlyArray<LoadEvent>>()
        waiting.add({ since: attempts, events: [], found })
        return Deferred.await(found)
      }),
      stop: Effect.suspend(() => {
        isStopping = true
        return Fiber.join(running)
      }),
      failure: Effect.andThen(Fiber.join(running), Effect.never)
    }
  })
