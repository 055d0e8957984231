/** The worker as a whole, over services in memory. */
import { assert, describe, it } from "@effect/vitest"
import * as Ingestion from "@tributary/app-worker/Ingestion"
import * as Topics from "@tributary/domain/row/Topics"
import * as Settings from "@tributary/pipeline/ingest/Settings"
import * as InHand from "@tributary/pipeline/service/InHand"
import * as Loop from "@tributary/pipeline/service/Loop"
import * as MemoryWorld from "@tributary/pipeline/service/memory/MemoryWorld"
import * as PersonTables from "@tributary/pipeline/service/memory/PersonTables"
import * as ProjectStoreMemory from "@tributary/pipeline/service/memory/ProjectStoreMemory"
import { PersonStore } from "@tributary/pipeline/service/PersonStore"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { E, token } from "../../../packages/pipeline/test/support/Message.ts"

const topicPrefix = "staging."
const topics = {
  main: topicPrefix + Topics.events,
  overflow: topicPrefix + Topics.eventsOverflow,
  historical: topicPrefix + Topics.eventsHistorical
}

describe("the worker", () => {
  it.effect("reads its lanes, sweeps the outbox, and writes behind the prefix of topics only", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make({ projects: [ProjectStoreMemory.project({ id: 1, apiToken: token })] })
      PersonTables.post(world.people, [{ topic: Topics.clickhouseGroups, key: null, value: "left by a crash" }], 0)
      yield* world.log.send([E("u", {}, { topic: topics.main }), E("v", {}, { topic: topics.historical })])
      yield* Effect.gen(function* () {
        const lanes = Ingestion.lanes(topics, { group: "g", lane: undefined, maxMessages: 500, maxBytes: 1_000_000 })
        const behaviour = Settings.defaults
        yield* Ingestion.run({ behaviour, lanes, topics, topicPrefix, maxMessages: 500, maxBytes: 1_000_000 })
        yield* TestClock.adjust("1 second")
      }).pipe(Effect.scoped, Effect.provide(world.layer))
      const filled = world.log.topics().filter((topic) => world.log.records(topic).length > 0)
      const outputs = [
        Topics.clickhouseEvents,
        Topics.clickhouseGroups,
        Topics.clickhousePerson,
        Topics.clickhousePersonDistinctId
      ].map((topic) => topicPrefix + topic)
      assert.deepStrictEqual(filled.sort(), [topics.main, topics.historical, ...outputs].sort())
      assert.strictEqual(world.log.records(topicPrefix + Topics.clickhouseEvents).length, 2)
    })
  )

  it.effect("with three busy lanes and PostgreSQL away it ends within 18 s, and tells what it abandons", () =>
    Effect.gen(function* () {
      const world = MemoryWorld.make({ projects: [ProjectStoreMemory.project({ id: 1, apiToken: token })] })
      const inHand = InHand.make()
      let tries = 0
      const away = Layer.effect(
        PersonStore,
        Effect.map(PersonStore, (store) =>
          PersonStore.of({
            ...store,
            transact: () =>
              Effect.suspend(() => {
                tries++
                return new StoreError({
                  store: "PersonStore",
                  reason: "Unavailable",
                  operation: "transact",
                  cause: "connection refused"
                })
              })
          })
        )
      )
      const lanes = Ingestion.lanes(topics, { group: "g", lane: undefined, maxMessages: 1, maxBytes: 1_000_000 })
      const settings = { lanes, topics, topicPrefix, maxMessages: 1, maxBytes: 1_000_000 }
      // Two batches for each lane: the second is not begun any more.
      for (const topic of Object.values(topics)) yield* world.log.send([E("u", {}, { topic }), E("u", {}, { topic })])
      const running = yield* Ingestion.run({ behaviour: Settings.defaults, ...settings }).pipe(
        Effect.andThen(Effect.never),
        Loop.together,
        Effect.provide(Layer.provideMerge(away, world.layer)),
        Effect.provideService(InHand.InHand, inHand),
        // Detached: a test that fails does not wait for the drain, whose clock stands still by then.
        Effect.forkDetach({ startImmediately: true })
      )
      yield* TestClock.adjust("1 minute")
      assert.isAtLeast(tries, 3)
      assert.strictEqual(inHand.left(), "3 batches")
      const end = yield* Effect.forkChild(Fiber.interrupt(running), { startImmediately: true })
      yield* TestClock.adjust("18 seconds")
      yield* Fiber.join(end)
      assert.strictEqual(inHand.left(), "3 batches")
      const seen = tries
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(tries, seen)
    })
  )
})
