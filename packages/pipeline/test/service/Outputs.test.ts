/** `KAFKA_PREFIX` stands before every topic that the pipeline writes or reads (spec worker 0.2). */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Deliver from "@tributary/pipeline/deliver/Deliver"
import * as Sweep from "@tributary/pipeline/ingest/Sweep"
import * as PersonTables from "@tributary/pipeline/service/memory/PersonTables"
import * as Outputs from "@tributary/pipeline/service/Outputs"
import { Producer } from "@tributary/pipeline/service/Producer"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { aHook, aMessage, aWorld, textOf } from "../deliver/fixtures.ts"
import * as World from "../support/IngestWorld.ts"
import { E, GI, MD, message, withValue } from "../support/Message.ts"

const prefix = "staging."
const prefixed = Effect.provideService(Outputs.Prefix, prefix)

/** Full topics that hold something, sorted. */
const filled = (log: World.World["log"]): ReadonlyArray<string> =>
  log
    .topics()
    .filter((topic) => log.records(topic).length > 0)
    .sort()

describe("the prefix of topics", () => {
  it.effect("stands before all that ingestion writes, but the lane of redirects, which has its whole name", () =>
    Effect.gen(function* () {
      const filter = {
        id: "filter",
        mode: "live",
        tree: { type: "condition", field: "event_name", operator: "exact", value: "unwanted" }
      } as const
      const world = yield* World.make({
        projects: [World.aProject({ heatmapsOptIn: true, eventFilter: filter })],
        settings: { overflowEnabled: true },
        restrictions: { force_overflow: "phc_1:hot" }
      })
      const points = { "https://shop.example/": [{ x: 1, y: 1, target_fixed: false, type: "click" }] }
      const heatmap = { $heatmap_data: points, $viewport_height: 1, $viewport_width: 1, $session_id: "s" }
      yield* prefixed(
        world.run(
          E("u"),
          E("hot"),
          GI("org", "acme", { a: 1 }),
          MD("u", "undefined"),
          message("unwanted", "u"),
          message("$$heatmap", "u", heatmap),
          withValue(E("u"), "no JSON")
        )
      )
      assert.deepStrictEqual(
        filled(world.log),
        [
          Topics.events,
          Topics.eventsOverflow,
          ...[
            Topics.clickhouseEvents,
            Topics.clickhousePerson,
            Topics.clickhousePersonDistinctId,
            Topics.clickhouseGroups,
            Topics.clickhouseIngestionWarnings,
            Topics.clickhouseAppMetrics,
            Topics.clickhouseHeatmaps,
            Topics.deadLetters
          ].map((topic) => prefix + topic)
        ].sort()
      )
    })
  )

  it.effect("is that of the present start for what an earlier one left in the outbox", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      PersonTables.post(world.tables, [{ topic: Topics.clickhousePerson, key: "k", value: "left" }], 0)
      yield* Effect.forkChild(prefixed(world.provided(Sweep.run)), { startImmediately: true })
      yield* TestClock.adjust("1 milli")
      assert.deepStrictEqual(filled(world.log), [prefix + Topics.clickhousePerson])
      assert.strictEqual(world.tables.outbox.size, 0)
    })
  )

  it.effect("stands before what delivery reads, and before what it tells", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      const topic = prefix + Topics.clickhouseEvents
      yield* Effect.gen(function* () {
        yield* Deliver.run({ siteUrl: "", topicPrefix: prefix })
        yield* Producer.use((producer) => producer.send([{ topic, key: "k", value: textOf(aMessage()), headers: [] }]))
        for (let n = 0; n < 8; n++) yield* TestClock.adjust("250 millis")
      }).pipe(Effect.scoped, Effect.provide(world.layer))
      assert.strictEqual(world.sent.length, 1)
      assert.strictEqual(world.log.committed(Deliver.group, topic, 0), 1n)
      assert.deepStrictEqual(
        filled(world.log),
        [Topics.clickhouseAppMetrics, Topics.clickhouseEvents, Topics.logEntries].map((name) => prefix + name)
      )
    })
  )
})
