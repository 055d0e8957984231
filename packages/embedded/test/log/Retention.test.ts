import { assert, describe, it } from "@effect/vitest"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import * as LogGroups from "@tributary/embedded/log/LogGroups"
import * as Retention from "@tributary/embedded/log/Retention"
import { Deferred, Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { after, aMessage, firstOf, records, send, subscribe } from "../../../pipeline/test/contract/LogReader.ts"
import * as TestLog from "./TestLog.ts"

const topic = "clickhouse_events_json"

const fill = (count: number, value = "x") =>
  send(Array.from({ length: count }, () => aMessage(topic, { key: "k", value })))

/** Reads so many messages of the topic in a group, and commits them. */
const consume = (group: string, count: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const subscription = yield* subscribe(group, [topic])
      yield* subscription.commit(after((yield* records(subscription, count)).slice(0, count)))
    })
  )

/** Offsets that the log holds. */
const held = Effect.map(
  LogDatabase.use((sql) => sql.unsafe<{ readonly off: bigint }>("SELECT off FROM tributary_log_msg ORDER BY off")),
  (rows) => rows.map(({ off }) => Number(off))
)

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe("Retention", () => {
  it.live("what the slowest group has not read stays, however old", () =>
    Effect.gen(function* () {
      yield* fill(10)
      yield* consume("fast", 10)
      yield* consume("slow", 4)
      const { deleted } = yield* Retention.run({ age: 0, groups: ["fast", "slow"] })
      assert.strictEqual(deleted, 4)
      assert.deepStrictEqual(yield* held, numbers(4, 10))
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("what is young and little stays, though all have read it", () =>
    Effect.gen(function* () {
      yield* fill(10)
      yield* consume("group", 10)
      assert.strictEqual((yield* Retention.run({ groups: ["group"] })).deleted, 0)
      assert.deepStrictEqual(yield* held, numbers(0, 10))
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("what is too much goes, the oldest first", () =>
    Effect.gen(function* () {
      yield* fill(20, "x".repeat(999))
      yield* consume("group", 20)
      yield* Retention.run({ bytes: 10_000, groups: ["group"] })
      assert.deepStrictEqual(yield* held, numbers(10, 20))
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("a topic that no group reads goes by age", () =>
    Effect.gen(function* () {
      yield* fill(3)
      yield* Retention.run({ age: 0, groups: [] })
      assert.deepStrictEqual(yield* held, [])
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("many go in several slices, and appends go on with the next offset", () =>
    Effect.gen(function* () {
      yield* fill(12_000)
      assert.strictEqual((yield* Retention.run({ age: 0, groups: [] })).deleted, 12_000)
      yield* fill(1)
      assert.deepStrictEqual(yield* held, [12_000])
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("a group that comes late begins where the log begins", () =>
    Effect.gen(function* () {
      yield* fill(10)
      yield* consume("early", 6)
      yield* Retention.run({ age: 0, groups: ["early"] })
      assert.deepStrictEqual(
        (yield* firstOf(topic, 4)).map(({ offset }) => offset),
        [6n, 7n, 8n, 9n]
      )
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("a group that is not running holds the log until it is forgotten", () =>
    Effect.gen(function* () {
      const sql = yield* LogDatabase
      yield* fill(10)
      yield* consume("here", 10)
      yield* consume("gone", 2)
      const options = { age: 0, groups: ["here"] }
      assert.deepStrictEqual((yield* Retention.run(options)).strangers, ["gone"])
      assert.deepStrictEqual(yield* held, numbers(2, 10))
      assert.isTrue(yield* LogGroups.forget(sql, "gone"))
      assert.isFalse(yield* LogGroups.forget(sql, "gone"))
      assert.deepStrictEqual((yield* Retention.run(options)).strangers, [])
      assert.deepStrictEqual(yield* held, [])
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.effect("once a minute it deletes, and names a group that is not running with the way to forget it", () =>
    Effect.gen(function* () {
      const sql = yield* LogDatabase
      yield* fill(1)
      yield* LogGroups.begin(sql, "gone", [topic])
      const warned = yield* Deferred.make<unknown>()
      const log = Logger.make(({ message }) => Deferred.doneUnsafe(warned, Effect.succeed(message)))
      yield* Layer.build(Retention.layer({ groups: [] })).pipe(Effect.provide(Logger.layer([log])))
      yield* TestClock.adjust("1 minute")
      assert.include(String(yield* Deferred.await(warned)), "npx tributary log forget gone")
    }).pipe(Effect.provide(TestLog.fresh))
  )
})
