import { assert, describe, it } from "@effect/vitest"
import * as EmbeddedLog from "@tributary/embedded/log/EmbeddedLog"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import * as LogGroups from "@tributary/embedded/log/LogGroups"
import { Effect, Redacted } from "effect"
import { eventLogContract } from "../../../pipeline/test/contract/EventLog.ts"
import { aMessage, firstOf, records, send, subscribe } from "../../../pipeline/test/contract/LogReader.ts"
import { producerContract } from "../../../pipeline/test/contract/Producer.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import * as TestLog from "./TestLog.ts"

eventLogContract("PostgreSQL", TestLog.fresh)
producerContract("PostgreSQL", TestLog.fresh)

describe("EmbeddedLog", () => {
  const topic = "events_plugin_ingestion"
  const options = { connections: 4, partitions: 4, topics: [topic], groups: [{ group: "ingestion", topics: [topic] }] }

  it.live("its groups hold the log from the start, before they subscribe", () =>
    Effect.gen(function* () {
      const url = Redacted.make(yield* TestDatabase.make("log_start"))
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* LogGroups.list(yield* LogDatabase), ["ingestion"])
      }).pipe(Effect.provide(EmbeddedLog.layer({ ...options, url })))
    })
  )

  it.live("messages and partitions outlive a restart, whatever number of partitions it asks for", () =>
    Effect.gen(function* () {
      const url = Redacted.make(yield* TestDatabase.make("log_again"))
      yield* send([aMessage(topic, { key: "a" })]).pipe(Effect.provide(EmbeddedLog.layer({ ...options, url })))
      yield* Effect.gen(function* () {
        yield* send([aMessage(topic, { key: "a" })])
        const [first, second] = yield* firstOf(topic, 2)
        assert.strictEqual(first!.partition, second!.partition)
        const subscription = yield* subscribe("ingestion", [topic])
        const assigned = yield* subscription.poll
        assert.strictEqual(assigned._tag === "Assigned" && assigned.partitions.length, 4)
        yield* records(subscription, 2)
      }).pipe(Effect.provide(EmbeddedLog.layer({ ...options, url, partitions: 7 })))
    })
  )

  it.live("a poll tells of all partitions in the order in which the messages were appended", () =>
    Effect.gen(function* () {
      const keys = Array.from({ length: 40 }, (_, n) => `key ${n}`)
      yield* send(keys.slice(0, 30).map((key) => aMessage(topic, { key })))
      yield* send(keys.slice(30).map((key) => aMessage(topic, { key })))
      const subscription = yield* subscribe("reader", [topic])
      const read = yield* records(subscription, keys.length)
      assert.isAbove(new Set(read.map(({ partition }) => partition)).size, 1)
      assert.deepStrictEqual(
        read.map(({ key }) => new TextDecoder().decode(key ?? undefined)),
        keys
      )
    }).pipe(Effect.provide(TestLog.fresh))
  )

  it.live("a server that is away ends the start with an error that says so", () =>
    Effect.gen(function* () {
      const url = Redacted.make("postgres://tributary:tributary@127.0.0.1:1/tributary")
      const error = yield* Effect.flip(Effect.provide(Effect.void, EmbeddedLog.layer({ ...options, url })))
      assert.strictEqual(error._tag === "StoreError" && error.reason, "Unavailable")
    })
  )
})
