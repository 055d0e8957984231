/** What can be seen of ingestion from outside: spans a batch and a stage, and numbers a batch, never an event. */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as Consume from "@tributary/pipeline/ingest/Consume"
import { Effect, Metric, References } from "effect"
import { TestClock } from "effect/testing"
import * as World from "../support/IngestWorld.ts"
import { E } from "../support/Message.ts"
import * as Spans from "../support/Spans.ts"

/** A lane's consumer that is given three events. */
const ran = (name: string) =>
  Effect.gen(function* () {
    const world = yield* World.make()
    const ingest = world.worker()
    const life = Consume.consume({
      name,
      group: World.group,
      topic: Topics.events,
      maxMessages: 500,
      maxBytes: 16_000_000,
      process: (records) => ingest(World.group, records)
    }).pipe(Effect.andThen(Effect.never), Effect.scoped, world.provided)
    yield* world.append([E("u"), E("v"), E("w")])
    yield* Effect.forkDetach(life, { startImmediately: true })
    yield* TestClock.adjust("60 millis")
    return world
  })

describe("a lane's consumer", () => {
  it.effect("tells of a batch and its stages, however many events it has", () =>
    Effect.gen(function* () {
      const spans = Spans.collect()
      const world = yield* ran("spans").pipe(spans.traced)
      const batch = "Consumer.batch > Ingest.batch"
      assert.deepStrictEqual(spans.paths(), [
        "Consumer.batch",
        batch,
        `${batch} > Ingest.admit`,
        `${batch} > Ingest.transform`,
        `${batch} > Ingest.groupTypes`,
        `${batch} > Ingest.redirect`,
        `${batch} > Ingest.personAndEvent`,
        `${batch} > Ingest.write`,
        "Consumer.batch > Consumer.commit"
      ])
      assert.deepStrictEqual(spans.attributes("Consumer.batch"), [
        { consumer: "spans", group: World.group, messages: 3 }
      ])
      const snapshot = yield* world.provided(Metric.snapshot)
      const of = (id: string) => snapshot.find((metric) => metric.id === id && metric.attributes?.["lane"] === "spans")
      for (const id of ["ingestion_batch_duration_seconds", "ingestion_batch_messages", "ingestion_behind_seconds"]) {
        assert.isDefined(of(id), id)
      }
    })
  )

  it.effect("has no spans where nobody collects them", () =>
    Effect.gen(function* () {
      const spans = Spans.collect()
      yield* ran("untraced").pipe(spans.traced, Effect.provideService(References.TracerEnabled, false))
      assert.deepStrictEqual(spans.paths(), [])
    })
  )
})
