import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import * as Lag from "../../src/kafka/Lag.ts"

const topic = "events_plugin_ingestion"

/** A consumer of one partition that is where it is told to be. */
const consumer = () => {
  const state = {
    next: 0n,
    committed: 0n,
    end: 0n,
    since: undefined as number | undefined,
    waits: false,
    isHeld: true,
    owns: true,
    isAway: false
  }
  const gaveUp: Array<unknown> = []
  const held: Lag.Held = {
    ends: () => (state.isAway ? Promise.reject(new Error("away")) : Promise.resolve(new Map([[topic, [state.end]]]))),
    giveUp: (cause) => void gaveUp.push(cause)
  }
  const watched: Lag.Watched = {
    held: () => (state.isHeld ? held : undefined),
    waits: () => state.waits,
    progress: () => (state.owns ? [{ topic, partition: 0, ...state }] : [])
  }
  return { state, gaveUp, watched }
}

/** Lets measurements come about, one after another: each asks the brokers. */
const pass = (seconds: number) =>
  Effect.forEach(Array.from({ length: seconds / 5 }), () =>
    Effect.andThen(
      TestClock.adjust("5 seconds"),
      Effect.promise(() => Promise.resolve())
    )
  )

const gauges = (group: string) =>
  Effect.map(Metric.snapshot, (all) =>
    all
      .filter(({ attributes }) => attributes?.["group"] === group)
      .flatMap((metric) => (metric.type === "Gauge" ? [[metric.id, Number(metric.state.value)] as const] : []))
      .sort()
  )

const counters = (group: string) =>
  Effect.map(Metric.snapshot, (all) =>
    all.flatMap(({ attributes, id, type }) => (type === "Counter" && attributes?.["group"] === group ? [id] : []))
  )

const told = (group: string) => Effect.map(gauges(group), Object.fromEntries)
const lag = (messages: number, seconds: number) => ({
  kafka_consumer_lag_messages: messages,
  kafka_consumer_lag_seconds: seconds
})

describe("the lag of a group", () => {
  it.effect("is told in messages and as time behind, and ends where the partition goes", () =>
    Effect.gen(function* () {
      const { state, watched } = consumer()
      yield* Lag.watch("lag-1", watched)
      Object.assign(state, { next: 30n, committed: 20n, end: 100n, since: 5_000 })
      yield* pass(15)
      assert.deepStrictEqual(yield* told("lag-1"), lag(80, 10))
      // An alarm on its rise needs it to have been there.
      assert.include(yield* counters("lag-1"), "kafka_consumer_gap_messages_total")
      Object.assign(state, { next: 100n, committed: 100n })
      yield* pass(15)
      assert.deepStrictEqual(yield* told("lag-1"), lag(0, 0))
      Object.assign(state, { end: 150n })
      yield* pass(15)
      Object.assign(state, { owns: false })
      yield* pass(15)
      assert.deepStrictEqual(yield* told("lag-1"), lag(0, 0))
    })
  )

  it.effect("stands and grows older while the consumer is out of its group, or the brokers do not answer", () =>
    Effect.gen(function* () {
      const { state, watched } = consumer()
      yield* Lag.watch("lag-4", watched)
      Object.assign(state, { next: 30n, committed: 20n, end: 100n, since: 5_000 })
      yield* pass(15)
      Object.assign(state, { isAway: true })
      yield* pass(15)
      assert.deepStrictEqual(yield* told("lag-4"), lag(80, 25))
      Object.assign(state, { isHeld: false, owns: false })
      yield* pass(60)
      assert.deepStrictEqual(yield* told("lag-4"), lag(80, 85))
      // Back in the group, which gave the partition to somebody else.
      Object.assign(state, { isHeld: true, isAway: false })
      yield* pass(15)
      assert.deepStrictEqual(yield* told("lag-4"), lag(0, 0))
    })
  )

  it.effect("has no time while nobody knows since when a backlog waits", () =>
    Effect.gen(function* () {
      const { state, watched } = consumer()
      yield* Lag.watch("lag-5", watched)
      Object.assign(state, { end: 100n })
      yield* pass(30)
      assert.deepStrictEqual(yield* told("lag-5"), { kafka_consumer_lag_messages: 100 })
      Object.assign(state, { since: 1_000 })
      yield* pass(15)
      assert.deepStrictEqual(yield* told("lag-5"), lag(100, 44))
    })
  )

  it.effect("does not count the time in which nothing waited", () =>
    Effect.gen(function* () {
      const { state, watched } = consumer()
      yield* Lag.watch("lag-6", watched)
      Object.assign(state, { next: 10n, committed: 10n, end: 10n, since: 0 })
      yield* pass(3600)
      Object.assign(state, { end: 11n })
      yield* pass(15)
      assert.deepStrictEqual(yield* told("lag-6"), lag(1, 15))
    })
  )

  it.effect("has the consumer made again when it waits for a minute although there is more to read", () =>
    Effect.gen(function* () {
      const { gaveUp, state, watched } = consumer()
      yield* Lag.watch("lag-2", watched)
      Object.assign(state, { end: 100n, waits: true })
      yield* pass(60)
      assert.deepStrictEqual(gaveUp, [])
      yield* pass(15)
      assert.deepStrictEqual(gaveUp, [`nothing of ${topic} was read for a minute`])
    })
  )

  it.effect("leaves a consumer alone that reads, or whose subscriber is at work", () =>
    Effect.gen(function* () {
      const { gaveUp, state, watched } = consumer()
      yield* Lag.watch("lag-3", watched)
      Object.assign(state, { end: 100n, waits: true })
      for (let i = 0; i < 10; i++) {
        Object.assign(state, { next: state.next + 1n })
        yield* pass(15)
      }
      Object.assign(state, { waits: false })
      yield* pass(150)
      assert.deepStrictEqual(gaveUp, [])
    })
  )
})
