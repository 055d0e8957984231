/** What runs in the processes of the pipeline: capture, workers and sinks. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Capture from "../../capture/Capture.ts"
import { RandomBytes } from "../../capture/RandomBytes.ts"
import * as CaptureSettings from "../../capture/Settings.ts"
import * as Consume from "../../ingest/Consume.ts"
import * as Ingest from "../../ingest/Ingest.ts"
import type * as IngestSettings from "../../ingest/Settings.ts"
import * as Sweep from "../../ingest/Sweep.ts"
import { EventLog } from "../../service/EventLog.ts"
import { Producer } from "../../service/Producer.ts"
import * as Sink from "../../sink/Sink.ts"
import * as Tables from "../../sink/Tables.ts"
import type { Process } from "../machine/Machine.ts"
import type { Door } from "./Clients.ts"
import * as Early from "./Early.ts"
import * as Services from "./Services.ts"
import type { World } from "./World.ts"

export type Stages = Ingest.Stages<Services.Services>

export const group = "events-ingestion-consumer"
export const groupPrefix = "clickhouse-"

/** The tables that are filled and looked at: people, events, dead letters, and one in which rows add up. */
export const targets = Tables.targets.filter(({ table }) =>
  ["events", "person", "person_distinct_id2", "groups", "app_metrics2", "dead_letters"].includes(table)
)

const { topics } = CaptureSettings.defaults

export const worker =
  (world: World, shared: Services.Shared, settings: IngestSettings.Settings, stages: (stages: Stages) => Stages) =>
  (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      const services = yield* Services.make(world, shared, process)
      const { maxMessages } = world.plan.shape
      const ingest = Ingest.make(stages(Ingest.stages(settings, topics)), settings)
      return yield* Consume.consume({
        name: "main",
        group,
        topic: topics.main,
        maxMessages,
        maxBytes: 16_000_000,
        process: (records) => ingest(group, records)
      }).pipe(
        Effect.andThen(Effect.forkScoped(Sweep.run)),
        Effect.andThen(Effect.never),
        Effect.updateService(EventLog, Early.commits(world.flaws.has("positions committed early"))),
        Effect.provideContext(services)
      )
    }).pipe(Effect.scoped)

export const sink =
  (world: World, shared: Services.Shared) =>
  (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      const services = yield* Services.make(world, shared, process)
      return yield* Sink.run({
        topicPrefix: "",
        groupPrefix,
        targets,
        maxRows: world.plan.shape.maxRows,
        flushMs: 20
      }).pipe(
        Effect.andThen(Effect.never),
        Effect.updateService(EventLog, Early.commits(world.flaws.has("sink commits early"))),
        Effect.provideContext(services)
      )
    }).pipe(Effect.scoped)

export const capture =
  (world: World, shared: Services.Shared, door: Door) =>
  (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      const services = yield* Services.make(world, shared, process)
      const producer = Context.get(services, Producer)
      const context = Context.add(
        services,
        Producer,
        world.flaws.has("capture answers early") ? Early.acknowledges(producer) : producer
      )
      const bytes = (count: number) => Uint8Array.from({ length: count }, () => world.chance.int(256))
      const handle = yield* Capture.make(CaptureSettings.defaults).pipe(
        Effect.provideService(RandomBytes, bytes),
        Effect.provideContext(context)
      )
      const run = Effect.runForkWith(world.contextOf(process))
      const mine: Door["handle"] = (request, answer) =>
        world.machine.soon(() => {
          run(handle(request)).addObserver((exit) => {
            if (Exit.isSuccess(exit)) answer(exit.value)
          })
        }, process)
      door.handle = mine
      return yield* Effect.never
    }).pipe(Effect.scoped)
