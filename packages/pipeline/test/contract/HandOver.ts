/**
 * What layers of `EventLog` promise whose groups may have several subscriptions, when partitions go from one to another (spec
 * worker 6.2). Topics have 4 partitions.
 */
import { assert, layer } from "@effect/vitest"
import type { EventLog, Subscription } from "@tributary/pipeline/service/EventLog"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import { partitionOf } from "@tributary/pipeline/service/Partitioner"
import type { Producer } from "@tributary/pipeline/service/Producer"
import { Deferred, Effect, Fiber, type Layer, Schedule } from "effect"
import { after, aMessage, assignments, records, send, subscribe, textOf, unique } from "./LogReader.ts"

const partitions = [0, 1, 2, 3]

/** A key of each partition. */
const keys = partitions.map((partition) => {
  for (let i = 0; ; i++) if (partitionOf(new TextEncoder().encode(`k${i}`), 4) === partition) return `k${i}`
})

/** As many messages for each partition. */
const everywhere = (topic: string, count: number) =>
  keys.flatMap((key) => Array.from({ length: count }, (_, i) => aMessage(topic, { key, value: `${i}` })))

const placeOf = ({ offset, partition }: Pick<LogRecord, "partition" | "offset">) => `${partition}:${offset}`

/** Polls without end: what it is given it commits at once, and knows what is its own. */
const follow = Effect.fnUntraced(function* (
  subscription: Subscription,
  seen: { readonly owned: Set<number>; readonly places: Array<string>; readonly commits: boolean }
) {
  while (true) {
    const polled = yield* subscription.poll
    switch (polled._tag) {
      case "Assigned":
        for (const { partition } of polled.partitions) seen.owned.add(partition)
        break
      case "Revoked":
        for (const { partition } of polled.partitions) seen.owned.delete(partition)
        break
      case "Records":
        seen.places.push(...polled.records.map(placeOf))
        if (seen.commits) yield* subscription.commit(after(polled.records))
    }
  }
})

const watcher = (commits = true) => ({ owned: new Set<number>(), places: [] as string[], commits })

/** Looks again and again until it is so; the test's own time limit ends what never becomes so. */
const until = (condition: () => boolean) =>
  Effect.repeat(Effect.void, { schedule: Schedule.spaced("10 millis"), while: () => !condition() })

/** Polls until partitions are taken away; what comes before that is passed over. */
const revoked = Effect.fnUntraced(function* (subscription: Subscription) {
  while (true) {
    const polled = yield* subscription.poll
    if (polled._tag === "Revoked") return polled.partitions.map(({ partition }) => partition)
  }
})

export const handOverContract = (name: string, implementation: Layer.Layer<EventLog | Producer, unknown>) =>
  layer(implementation, { excludeTestServices: true })(`EventLog, hand-over: ${name}`, (it) => {
    it.effect("partitions wait until what is in hand of them is dealt with, and its commit counts", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const group = unique("group")
        yield* send(everywhere(topic, 5))
        const first = yield* subscribe(group, [topic])
        const inHand = yield* records(first, 20)
        const second = watcher()
        const joining = yield* subscribe(group, [topic])
        yield* Effect.forkScoped(follow(joining, second))
        const going = yield* revoked(first)
        assert.isNotEmpty(going)
        assert.isEmpty([...second.owned].filter((partition) => going.includes(partition)))
        yield* first.commit(after(inHand))
        const own = watcher()
        yield* Effect.forkScoped(follow(first, own))
        yield* until(() => second.owned.size === 2)
        yield* send(everywhere(topic, 1))
        yield* until(() => own.places.length + second.places.length >= 4)
        assert.deepStrictEqual(
          [...own.places, ...second.places].sort(),
          partitions.map((partition) => `${partition}:5`)
        )
      })
    )

    it.effect("a commit of what went to another does nothing, and nobody passes over a message", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const group = unique("group")
        yield* send(everywhere(topic, 5))
        const other = watcher(false)
        const late = yield* Effect.scoped(
          Effect.gen(function* () {
            const first = yield* subscribe(group, [topic])
            const inHand = yield* records(first, 20)
            const joining = yield* subscribe(group, [topic])
            yield* Effect.forkScoped(follow(joining, other))
            yield* revoked(first)
            const own = watcher(false)
            const mine = yield* Effect.forkScoped(follow(first, own))
            yield* until(() => other.places.length >= 10)
            yield* Fiber.interrupt(mine)
            yield* first.commit(after(inHand))
            return [...other.owned]
          })
        )
        assert.strictEqual(late.length, 2)
        const third = yield* subscribe(group, [topic])
        const assigned = yield* assignments(third, 4)
        for (const partition of late) assert.strictEqual(assigned[partition]!.committed ?? 0n, 0n)
        const left = partitions.reduce((sum, partition) => sum + 5 - Number(assigned[partition]!.committed ?? 0n), 0)
        const again = new Set((yield* records(third, left)).map(placeOf))
        for (const partition of late) {
          for (const offset of [0n, 1n, 2n, 3n, 4n]) assert.isTrue(again.has(placeOf({ partition, offset })))
        }
      })
    )

    it.effect("while others join and leave, each message is handled, in the order of its key, by one at a time", () =>
      Effect.gen(function* () {
        const topic = unique("topic")
        const group = unique("group")
        const rounds = 20
        const many = Array.from({ length: 20 }, (_, i) => `key${i}`)
        /** Of each key, the numbers that were handled, as they came first. */
        const handled = new Map(many.map((key) => [key, [] as number[]]))
        const holders = new Map<number, string>()
        const overlaps: Array<string> = []
        const count = () => [...handled.values()].reduce((sum, { length }) => sum + length, 0)

        const handle = (record: LogRecord): void => {
          const numbers = handled.get(textOf(record.key) ?? "")!
          const number = Number(textOf(record.value))
          if (!numbers.includes(number)) numbers.push(number)
        }
        const work = Effect.fnUntraced(function* (name: string, didSome: Effect.Effect<unknown>) {
          const subscription = yield* subscribe(group, [topic], { maxMessages: 10 })
          while (true) {
            const polled = yield* subscription.poll
            if (polled._tag !== "Records") continue
            const held = new Set(polled.records.map(({ partition }) => partition))
            for (const partition of held) {
              if (holders.has(partition)) overlaps.push(`${name} and ${holders.get(partition)}: ${partition}`)
              holders.set(partition, name)
            }
            // A guest may be interrupted in its next batch: it holds nothing then.
            yield* Effect.gen(function* () {
              yield* Effect.sleep("5 millis")
              for (const record of polled.records) handle(record)
              yield* subscription.commit(after(polled.records))
            }).pipe(
              Effect.ensuring(
                Effect.sync(() => {
                  for (const partition of held) holders.delete(partition)
                })
              )
            )
            yield* didSome
          }
        })
        const guest = Effect.gen(function* () {
          const did = yield* Deferred.make<void>()
          const working = Effect.scoped(work("guest", Deferred.succeed(did, undefined)))
          yield* Effect.raceFirst(working, Deferred.await(did))
        })
        yield* Effect.forkScoped(Effect.scoped(work("first", Effect.void)))
        yield* Effect.forkScoped(Effect.scoped(work("second", Effect.void)))
        yield* Effect.forkScoped(Effect.forever(guest))
        for (let round = 0; round < rounds; round++) {
          yield* send(many.map((key) => aMessage(topic, { key, value: `${round}` })))
          yield* until(() => count() >= many.length * round)
        }
        yield* until(() => count() === many.length * rounds)
        assert.deepStrictEqual(overlaps, [])
        for (const numbers of handled.values()) {
          assert.deepStrictEqual(
            numbers,
            Array.from({ length: rounds }, (_, i) => i)
          )
        }
      })
    )
  })
