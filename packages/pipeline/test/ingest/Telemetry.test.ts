/** What can be seen of ingestion from outside: spans a batch and a stage, and numbers a batch, never an event. */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Consume from "@tributary/pipeline/ingest/Consume"
import { Effect, Metric, Tracer } from "effect"
import { TestClock } from "effect/testing"
import * as World from "../support/IngestWorld.ts"
import { E } from "../support/Message.ts"

describe("a lane's consumer", () => {
  it.effect("tells of a batch and its stages, however many events it has", () =>
    Effect.gen(function* () {
      const spans: Array<string> = []
      const tracer = Tracer.make({
        span: (options) => {
          spans.push(options.name)
          return new Tracer.NativeSpan(options)
        }
      })
      const world = yield* World.make()
      const ingest = world.worker()
      const life = Consume.consume({
        name: "spans",
        group: World.group,
        topic: Topics.events,
        maxMessages: 500,
        maxBytes: 16_000_000,
        process: (records) => ingest(World.group, records)
      }).pipe(Effect.andThen(Effect.never), Effect.scoped, world.provided, Effect.provideService(Tracer.Tracer, tracer))
      yield* world.append([E("u"), E("v"), E("w")])
      yield* Effect.forkDetach(life, { startImmediately: true })
      yield* TestClock.adjust("60 millis")
      assert.deepStrictEqual(spans, [
        "Ingest.batch",
        "Ingest.admit",
        "Ingest.transform",
        "Ingest.person",
        "Ingest.write"
      ])
      const snapshot = yield* world.provided(Metric.snapshot)
      const of = (id: string) => snapshot.find((metric) => metric.id === id && metric.attributes?.["lane"] === "spans")
      for (const id of ["ingestion_batch_duration_seconds", "ingestion_batch_messages", "ingestion_behind_seconds"]) {
        assert.isDefined(of(id), id)
      }
    })
  )
})
