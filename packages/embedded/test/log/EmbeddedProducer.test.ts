import { assert, describe, it } from "@effect/vitest"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import { EmbeddedPostgres } from "@tributary/embedded/postgres/EmbeddedPostgres"
import type { EventLog } from "@tributary/pipeline/service/EventLog"
import type { LogRecord } from "@tributary/pipeline/service/LogMessage"
import { Producer } from "@tributary/pipeline/service/Producer"
import { Context, Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import {
  after,
  aMessage,
  firstOf,
  records,
  send,
  subscribe,
  textOf,
  unique
} from "../../../pipeline/test/contract/LogReader.ts"
import * as Folder from "../support/Folder.ts"
import { until } from "../support/Program.ts"
import * as Session from "../support/Session.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import * as CuttableLine from "./CuttableLine.ts"
import * as TestLog from "./TestLog.ts"

const topic = "events_plugin_ingestion"

const statement = (text: string) => LogDatabase.use((sql) => sql.unsafe(text).unprepared)

/** What was read of each key, in order. */
const byKey = (read: ReadonlyArray<LogRecord>) =>
  Object.fromEntries(
    [...Map.groupBy(read, ({ key }) => textOf(key))].map(([key, ofKey]) => [
      key,
      ofKey.map(({ value }) => textOf(value))
    ])
  )

const assertNoGaps = (read: ReadonlyArray<LogRecord>) => {
  for (const ofPartition of Map.groupBy(read, ({ partition }) => partition).values()) {
    assert.deepStrictEqual(
      ofPartition.map(({ offset }) => offset),
      ofPartition.map((_, i) => BigInt(i))
    )
  }
}

describe("EmbeddedProducer", () => {
  it.live("four processes append and one reads: nothing is lost, read twice, out of order or numbered with gaps", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("log_writers")
      const processes = yield* Effect.forEach([0, 1, 2, 3], () => Layer.build(TestLog.on(url)))
      const reading = yield* Effect.forkChild(
        Effect.provide(
          Effect.flatMap(subscribe("group", [topic]), (subscription) => records(subscription, 4 * 8 * 60)),
          processes[0]!
        )
      )
      const expected: Record<string, ReadonlyArray<string>> = {}
      yield* Effect.forEach(
        processes.flatMap((process, p) => Array.from({ length: 8 }, (_, k) => [process, `key${p}-${k}`] as const)),
        ([process, key]) => {
          expected[key] = Array.from({ length: 60 }, (_, i) => `${i}`)
          return Effect.forEach(
            Array.from({ length: 20 }, (_, call) => call),
            (call) =>
              Context.get(process, Producer).send(
                [0, 1, 2].map((i) => aMessage(topic, { key, value: `${call * 3 + i}` }))
              )
          )
        },
        { concurrency: "unbounded" }
      )
      const read = yield* Fiber.join(reading)
      assert.deepStrictEqual(byKey(read), expected)
      assertNoGaps(read)
    })
  )

  it.live("a message that the server refuses for its data is told by itself, and leaves no hole", () =>
    Effect.gen(function* () {
      yield* statement("ALTER TABLE tributary_log_msg ADD CHECK (position('\\xdead'::bytea IN value) = 0)")
      const bad = Uint8Array.of(0xde, 0xad)
      const values = Array.from({ length: 40 }, (_, i) => (i === 7 || i === 23 ? bad : `${i}`))
      const [rejected, other] = yield* Effect.all(
        [
          send(values.map((value) => aMessage(topic, { key: "k", value }))),
          send([aMessage(topic, { key: "k", value: "other" })])
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        rejected.map(({ index, reason }) => [index, reason]),
        [
          [7, "Refused"],
          [23, "Refused"]
        ]
      )
      assert.deepStrictEqual(other, [])
      const read = yield* firstOf(topic, 39)
      assert.deepStrictEqual(byKey(read), { k: [...values.filter((value) => value !== bad), "other"] })
      assertNoGaps(read)
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("connections that are killed again and again cost time, but no message, no order, and no doubles", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("log_killed")
      const admin = yield* Layer.build(TestLog.tables(url))
      const kill = Context.get(admin, LogDatabase).unsafe(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'tributary log' AND pid <> pg_backend_pid()`
      )
      yield* Effect.gen(function* () {
        const subscription = yield* subscribe("group", [topic])
        const readAll = Effect.gen(function* () {
          const read: Array<LogRecord> = []
          while (read.length < 1_200) {
            const polled = yield* Effect.result(subscription.poll)
            if (polled._tag === "Success" && polled.success._tag === "Records") read.push(...polled.success.records)
          }
          return read
        })
        const reading = yield* Effect.forkChild(readAll)
        const expected: Record<string, ReadonlyArray<string>> = {}
        let sent = 0
        yield* Effect.forEach(
          Array.from({ length: 12 }, (_, k) => `key${k}`),
          (key) => {
            expected[key] = Array.from({ length: 100 }, (_, i) => `${i}`)
            return Effect.forEach(
              Array.from({ length: 50 }, (_, call) => call),
              (call) =>
                Effect.gen(function* () {
                  yield* send([0, 1].map((i) => aMessage(topic, { key, value: `${call * 2 + i}` })))
                  if (++sent % 40 === 0) yield* Effect.ignore(kill)
                })
            )
          },
          { concurrency: "unbounded" }
        )
        const read = yield* Fiber.join(reading)
        assert.deepStrictEqual(byKey(read), expected)
        assertNoGaps(read)
      }).pipe(Effect.provide(TestLog.on(url)))
    })
  )

  const throughLine = <A, E>(
    test: (line: CuttableLine.CuttableLine) => Effect.Effect<A, E, Producer | EventLog>
  ): Effect.Effect<A, unknown> =>
    Effect.scoped(
      Effect.gen(function* () {
        const line = yield* CuttableLine.make(yield* TestDatabase.make("log_line"))
        return yield* Effect.provide(test(line), TestLog.on(line.url))
      })
    )

  it.live("an answer to COMMIT that is lost does not make a message appear twice", () =>
    throughLine((line) =>
      Effect.gen(function* () {
        yield* send([aMessage(topic, { value: "0" })])
        line.cutNextCommit = true
        yield* send([aMessage(topic, { value: "1" })])
        assert.strictEqual(line.cuts, 1)
        yield* send([aMessage(topic, { value: "2" })])
        assert.deepStrictEqual(byKey(yield* firstOf(topic, 3)), { "token:user": ["0", "1", "2"] })
      })
    )
  )

  it.live("an append that is lost before its COMMIT is done again", () =>
    throughLine((line) =>
      Effect.gen(function* () {
        yield* send([aMessage(topic, { value: "0" })])
        line.cutNextStatement = true
        yield* send([aMessage(topic, { value: "1" })])
        assert.strictEqual(line.cuts, 1)
        const read = yield* firstOf(topic, 2)
        assert.deepStrictEqual(byKey(read), { "token:user": ["0", "1"] })
        assertNoGaps(read)
      })
    )
  )

  it.live(
    "an append that a killed server forgot is done again, although another transaction has its number by then",
    () =>
      Effect.gen(function* () {
        const dataDir = yield* Folder.make
        // Commits are answered before they are written, so that one which was answered can be lost.
        const settings = { fsync: "off", synchronous_commit: "off", wal_writer_delay: "10s" }
        const server = yield* Layer.build(EmbeddedPostgres.layer({ dataDir, settings }))
        const url = Redacted.value(Context.get(server, EmbeddedPostgres).url)
        const line = yield* CuttableLine.make(url)
        yield* Effect.gen(function* () {
          yield* send([aMessage(topic, { value: "0" })])
          yield* Session.query(url, "CHECKPOINT")
          line.onCut = () => process.kill(Session.postmaster(dataDir), "SIGKILL")
          line.cutNextCommit = true
          const sending = yield* Effect.forkChild(send([aMessage(topic, { value: "1" })]))
          const numbers = Array.from({ length: 20 }, () => "SELECT pg_current_xact_id()")
          yield* until(() => line.cuts === 1)
          yield* Session.eventually(Session.query(url, ...numbers))
          assert.deepStrictEqual(yield* Fiber.join(sending), [])
          const read = yield* firstOf(topic, 2)
          assert.deepStrictEqual(byKey(read), { "token:user": ["0", "1"] })
          assertNoGaps(read)
        }).pipe(Effect.provide(TestLog.on(line.url)))
      })
  )

  it.live("topics that vanish are made again", () =>
    Effect.gen(function* () {
      yield* send([aMessage(topic, { value: "before" })])
      yield* statement("DELETE FROM tributary_log_msg")
      yield* statement("DELETE FROM tributary_log_head")
      assert.deepStrictEqual(yield* send([aMessage(topic, { value: "after" })]), [])
      assert.deepStrictEqual(byKey(yield* firstOf(topic, 1)), { "token:user": ["after"] })
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("one append carries at most 1,000 messages or 8 MB, and all are carried in the end", () =>
    Effect.gen(function* () {
      const large = "x".repeat(3 * 1024 * 1024)
      const values = [...Array.from({ length: 2_500 }, (_, i) => `${i}`), large, large, large, large]
      assert.deepStrictEqual(yield* send(values.map((value) => aMessage(topic, { key: "k", value }))), [])
      const appends = yield* LogDatabase.use((sql) =>
        sql.unsafe<{ readonly messages: number; readonly bytes: number }>(
          `SELECT count(*)::int AS messages, sum(octet_length(value))::int AS bytes
           FROM tributary_log_msg GROUP BY xmin ORDER BY min(off)`
        )
      )
      assert.deepStrictEqual(
        appends.map(({ messages }) => messages),
        [1_000, 1_000, 502, 2]
      )
      assert.isTrue(appends.every(({ bytes }) => bytes <= 8 * 1024 * 1024))
      const read = yield* firstOf(topic, values.length)
      assert.isTrue(read.every(({ value }, i) => textOf(value) === values[i]))
    }).pipe(Effect.provide(TestLog.fresh))
  )

  /** Locks the heads, so that appends wait, while the effect runs. */
  const whileHeld = <A, E, R>(held: Effect.Effect<A, E, R>) =>
    LogDatabase.use((sql) =>
      sql.withTransaction(Effect.andThen(sql.unsafe("SELECT FROM tributary_log_head FOR UPDATE"), held))
    )

  it.live("more than 100,000 waiting messages are turned away at once", () =>
    Effect.gen(function* () {
      const producer = yield* Producer
      yield* send([aMessage(topic)])
      yield* whileHeld(
        Effect.gen(function* () {
          const many = Array.from({ length: 100_000 }, () => aMessage(topic))
          const waiting = yield* Effect.forkChild(producer.send(many), { startImmediately: true })
          const error = yield* Effect.flip(producer.send([aMessage(topic)]))
          assert.strictEqual(error.reason, "Full")
          yield* Fiber.interrupt(waiting)
        })
      )
      assert.deepStrictEqual(yield* send([aMessage(topic)]), [])
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.effect("what is not appended within 20 s fails as unavailable", () =>
    Effect.gen(function* () {
      yield* send([aMessage(topic)])
      const error = yield* whileHeld(
        Effect.gen(function* () {
          const sending = yield* Effect.forkChild(Effect.flip(send([aMessage(topic)])), { startImmediately: true })
          yield* TestClock.adjust("20 seconds")
          return yield* Fiber.join(sending)
        })
      )
      assert.strictEqual(error._tag === "ProducerError" && error.reason, "Unavailable")
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("a disk with too little room takes nothing more", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("log_disk")
      const options = { dataDir: import.meta.dirname, leastFreeBytes: Number.MAX_VALUE }
      const error = yield* Effect.flip(send([aMessage(topic)])).pipe(Effect.provide(TestLog.on(url, options)))
      assert.strictEqual(error._tag === "ProducerError" && error.reason, "OutOfDisk")
      const room = { ...options, leastFreeBytes: 1 }
      assert.deepStrictEqual(yield* send([aMessage(topic)]).pipe(Effect.provide(TestLog.on(url, room))), [])
    })
  )

  it.effect("with a time to gather, calls of that time make up one append", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("log_gather")
      yield* Effect.gen(function* () {
        const producer = yield* Producer
        const calls = yield* Effect.forEach([0, 1, 2], (i) =>
          Effect.forkChild(producer.send([aMessage(topic, { value: `${i}` })]), { startImmediately: true })
        )
        yield* TestClock.adjust("5 millis")
        yield* Effect.forEach(calls, Fiber.join)
        const appends = yield* statement("SELECT DISTINCT xmin::text FROM tributary_log_msg")
        assert.strictEqual(appends.length, 1)
      }).pipe(Effect.provide(TestLog.on(url, { gatherMs: 5 })))
    })
  )
})

describe("EmbeddedEventLog", () => {
  it.live("a group is read by one subscription at a time", () =>
    Effect.gen(function* () {
      const group = unique("group")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* subscribe(group, [topic])
          const error = yield* Effect.flip(subscribe(group, [topic]))
          assert.strictEqual(error.operation, "subscribe")
        })
      )
      yield* subscribe(group, [topic])
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("another process's appends are found, and a restart goes on from the commit", () =>
    Effect.gen(function* () {
      const url = yield* TestDatabase.make("log_restart")
      const writer = yield* Layer.build(TestLog.on(url))
      const write = (value: string) => Context.get(writer, Producer).send([aMessage(topic, { value })])
      const started = yield* Deferred.make<void>()
      const readOne = Effect.gen(function* () {
        const subscription = yield* subscribe("group", [topic])
        assert.strictEqual((yield* subscription.poll)._tag, "Assigned")
        yield* Deferred.succeed(started, undefined)
        const read = yield* records(subscription, 1)
        yield* subscription.commit(after(read))
        return read.map(({ value }) => textOf(value))
      }).pipe(Effect.scoped, (run) => Effect.provide(run, TestLog.on(url)))
      const reading = yield* Effect.forkChild(readOne)
      yield* Deferred.await(started)
      yield* write("first")
      assert.deepStrictEqual(yield* Fiber.join(reading), ["first"])
      yield* write("second")
      assert.deepStrictEqual(yield* readOne, ["second"])
    })
  )

  it.live("reading goes on where it was after the server went away and came back", () =>
    Effect.gen(function* () {
      const subscription = yield* subscribe("group", [topic], { maxMessages: 1 })
      yield* send(["1", "2"].map((value) => aMessage(topic, { value })))
      assert.strictEqual((yield* records(subscription, 1)).length, 1)
      yield* statement("ALTER TABLE tributary_log_msg RENAME TO away")
      const error = yield* Effect.flip(subscription.poll)
      assert.strictEqual(error.operation, "poll")
      yield* statement("ALTER TABLE away RENAME TO tributary_log_msg")
      assert.deepStrictEqual(
        (yield* records(subscription, 1)).map(({ value }) => textOf(value)),
        ["2"]
      )
    }).pipe(Effect.provide(TestLog.fresh))
  )
})
