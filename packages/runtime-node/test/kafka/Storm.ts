/**
 * What a group of subscriptions promises while it is disturbed: everything is handled, for each key in order, and no two
 * subscriptions have records of one partition in hand at the same time. Topics have 4 partitions.
 */
import { assert } from "@effect/vitest"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import { Producer } from "@tributary/pipeline/service/Producer"
import { Deferred, Effect, Random, Schedule, type Scope } from "effect"
import { after, aMessage, subscribe, textOf, unique } from "../../../pipeline/test/contract/LogReader.ts"

export interface Storm {
  /** One more member: reads and commits, batch by batch, until it is interrupted; what is in hand then is dropped. */
  readonly member: Effect.Effect<never, never, EventLog>
  /** Waits until everything that was sent has been handled. */
  readonly done: Effect.Effect<void>
}

const keys = Array.from({ length: 50 }, (_, i) => `key${i}`)
const perCall = 5

/**
 * Sends `rounds` times some messages of each key, in order, to a group of two members, while `disturb` runs; then checks what was
 * handled.
 */
export const run = Effect.fnUntraced(function* (
  rounds: number,
  disturb: (storm: Storm) => Effect.Effect<unknown, unknown, EventLog | Scope.Scope>
) {
  const topic = unique("storm")
  const group = unique("group")
  const total = keys.length * rounds * perCall
  const done = yield* Deferred.make<void>()
  /** Numbers by key, as they were handled for the first time. */
  const handled = new Map(keys.map((key) => [key, 0]))
  let count = 0
  const outOfOrder: Array<string> = []
  const overlaps: Array<string> = []
  const inHand = new Set<number>()

  const member = Effect.scoped(
    Effect.gen(function* () {
      const subscription = yield* patiently(subscribe(group, [topic], { maxMessages: 200, gatherMs: 20 }))
      while (true) {
        const polled = yield* patiently(subscription.poll)
        if (polled._tag !== "Records") continue
        const partitions = new Set(polled.records.map(({ partition }) => partition))
        yield* Effect.acquireUseRelease(
          Effect.sync(() => {
            for (const partition of partitions) {
              if (inHand.has(partition)) overlaps.push(`${partition}`)
              inHand.add(partition)
            }
          }),
          () =>
            Effect.gen(function* () {
              yield* Effect.sleep(yield* Random.nextIntBetween(5, 40))
              for (const { key, value } of polled.records) {
                const [name, number] = [textOf(key) ?? "", Number(textOf(value))]
                const expected = handled.get(name) ?? 0
                if (number > expected) outOfOrder.push(`${name}: ${number} after ${expected - 1}`)
                if (number !== expected) continue
                handled.set(name, number + 1)
                if (++count === total) yield* Deferred.succeed(done, undefined)
              }
              yield* patiently(subscription.commit(after(polled.records)))
            }),
          () => Effect.sync(() => partitions.forEach((partition) => void inHand.delete(partition)))
        )
      }
    })
  )

  const producer = yield* Producer
  const send = Effect.forEach(
    keys,
    (key) =>
      Effect.forEach(Array.from({ length: rounds }), (_, round) => {
        const messages = Array.from({ length: perCall }, (_, i) =>
          aMessage(topic, { key, value: String(round * perCall + i) })
        )
        return Effect.delay(patiently(producer.send(messages)), 50)
      }),
    { concurrency: "unbounded", discard: true }
  )
  const disturbed = Effect.gen(function* () {
    yield* Effect.forkScoped(member)
    yield* Effect.forkScoped(member)
    yield* disturb({ member, done: Deferred.await(done) })
  })
  yield* Effect.all([send, Effect.scoped(disturbed)], { concurrency: 2, discard: true })
  assert.deepStrictEqual([outOfOrder, overlaps, count], [[], [], total])
})

/** As the pipeline does: the log may be away. */
const patiently = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, never, R> =>
  Effect.orDie(Effect.retry(self, Schedule.spaced("100 millis")))
