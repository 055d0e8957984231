/** The topics at a program's start, on brokers that can be made to be anything. */
import { assert, describe, it } from "@effect/vitest"
import { Health } from "@tributary/pipeline/service/Health"
import { Effect, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { AdminError, type KafkaAdmin } from "../../src/kafka/KafkaClient.ts"
import type { KafkaSettings } from "../../src/kafka/Settings.ts"
import type { TopicState } from "../../src/kafka/TopicState.ts"
import * as Topics from "../../src/kafka/Topics.ts"

const settings: KafkaSettings = {
  ...{ hosts: ["k:9092"], client: "platformatic", clientId: "t", rack: undefined, tls: undefined, sasl: undefined },
  ...{ idempotent: false, compression: "zstd", partitions: undefined, replication: undefined }
}

const good: TopicState = { maxMessageBytes: 8_388_608, minInSync: 2, copies: 3 }

/** Brokers with these topics. What is made shows as soon as `visible` says so. */
const brokers = (topics: Iterable<readonly [string, TopicState]>) => {
  const there = new Map(topics)
  const made: Array<string> = []
  const state = { visible: true }
  const admin: KafkaAdmin = {
    check: Effect.void,
    topics: Effect.sync(() => new Set(state.visible ? [...there.keys(), ...made] : there.keys())),
    create: ({ name }) => Effect.sync(() => void made.push(name)),
    describe: (names) => Effect.sync(() => new Map(names.map((name) => [name, there.get(name) ?? good])))
  }
  return { admin, made, state }
}

/** Lines of the log, and an effect's world that collects them. */
const log = () => {
  const lines: Array<string> = []
  const logger = Logger.layer([Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${message}`))])
  return { lines, world: Layer.merge(Health.layer, logger) }
}

describe("the topics at the start", () => {
  it.effect("warn of an acknowledgement that means one copy of three, once and with the names", () => {
    const { lines, world } = log()
    return Effect.gen(function* () {
      const { admin } = brokers([
        ["a", { ...good, minInSync: 1 }],
        ["b", good],
        ["c", { ...good, minInSync: 1, copies: 1 }]
      ])
      yield* Topics.check(admin, settings, ["a", "b", "c"])
      assert.deepStrictEqual(lines, [
        "Warn: Kafka topics whose min.insync.replicas is 1, so that one broker's disk can take what was acknowledged with it; set it to 2: a (3 copies)"
      ])
    }).pipe(Effect.provide(world))
  })

  it.effect("end the start where one takes too small messages", () =>
    Effect.gen(function* () {
      const { admin } = brokers([
        ["a", { ...good, maxMessageBytes: 1_000_000 }],
        ["b", good]
      ])
      const { message } = yield* Effect.flip(Topics.check(admin, settings, ["a", "b"]))
      assert.strictEqual(message, "Kafka topics whose max.message.bytes is too small: a has 1000000, needs 8388608")
    }).pipe(Effect.provide(log().world))
  )

  it.effect("are not checked without the right to, which a line says", () => {
    const { lines, world } = log()
    return Effect.gen(function* () {
      const forbidden = new AdminError({ reason: "Forbidden", detail: "no DescribeConfigs" })
      const admin: KafkaAdmin = { ...brokers([["a", good]]).admin, describe: () => Effect.fail(forbidden) }
      yield* Topics.check(admin, settings, ["a"])
      assert.deepStrictEqual(lines, [
        "Info: max.message.bytes and min.insync.replicas of the Kafka topics are not checked: no DescribeConfigs"
      ])
    }).pipe(Effect.provide(world))
  })

  it.effect("that were made are waited for: without a word at first, then readiness and a line a minute say so", () => {
    const { lines, world } = log()
    return Effect.gen(function* () {
      const { admin, made, state } = brokers([["a", good]])
      state.visible = false
      const fiber = yield* Effect.forkChild(Topics.check(admin, { ...settings, partitions: 2 }, ["a", "b"]))
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(made, ["b"])
      assert.deepStrictEqual(yield* (yield* Health).troubles, [])
      yield* TestClock.adjust("10 seconds")
      const [trouble] = yield* (yield* Health).troubles
      const reason = "k:9092: topics that were made are not there yet, or no right to see them: b"
      assert.deepStrictEqual([trouble?.engine, trouble?.reason], ["the log", reason])
      state.visible = true
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* (yield* Health).troubles, [])
      assert.include(lines, `Warn: the log is away: ${reason}`)
      assert.strictEqual(lines.at(-1), "Info: the log is back")
    }).pipe(Effect.provide(world))
  })
})
