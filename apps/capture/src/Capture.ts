/**
 * Capture as a program: one process, or several that share the port (`CAPTURE_PROCESSES`), of which the first tells the health of
 * all. The door is bound at once; it opens when the log has been reached, and PostgreSQL, if it answers, has the tables.
 */
import { Health } from "@tributary/pipeline/service/Health"
import type { Producer } from "@tributary/pipeline/service/Producer"
import type { ProjectStore as Projects } from "@tributary/pipeline/service/ProjectStore"
import { CaptureServer } from "@tributary/runtime-node/http/CaptureServer"
import { Door } from "@tributary/runtime-node/http/Door"
import { HealthServer } from "@tributary/runtime-node/http/HealthServer"
import * as Readiness from "@tributary/runtime-node/http/Readiness"
import * as Kafka from "@tributary/runtime-node/kafka/Client"
import * as Topics from "@tributary/runtime-node/kafka/Topics"
import * as Watch from "@tributary/runtime-node/kafka/Watch"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as ProjectStore from "@tributary/runtime-node/postgres/ProjectStore"
import * as PostgresStart from "@tributary/runtime-node/postgres/Start"
import * as Processes from "@tributary/runtime-node/process/Processes"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { ProgramSettings } from "./Config.ts"

/** Projects are looked up, once their tables are there, and nothing else is asked of PostgreSQL. */
const projects = ({ databaseUrl, poolSize }: ProgramSettings) =>
  ProjectStore.layer.pipe(
    Layer.provide(Layer.effectDiscard(PostgresStart.lookedAt)),
    Layer.provide(Database.layer({ databaseUrl, personsDatabaseUrl: databaseUrl, poolSize }))
  )

const log = ({ capture, gatherMs, kafka }: ProgramSettings) => {
  const ensured = Topics.ensure(kafka, Topics.ofCapture(capture.topics))
  const watched = Effect.flatMap(Kafka.load(kafka), (client) => Effect.forkScoped(Watch.run(kafka, client)))
  const services = Layer.provideMerge(Layer.effectDiscard(watched), Kafka.layer(kafka, { gatherMs }))
  return Layer.unwrap(Effect.as(ensured, services))
}

/** Opens the door when these services stand, and serves. `opened` is told where. Interrupted, it drains before anything else ends. */
export const serve = <E>(
  { capture, server }: Pick<ProgramSettings, "capture" | "server">,
  services: Layer.Layer<Producer | Projects, E, Health>,
  opened: (address: CaptureServer["Service"]) => Effect.Effect<void, never, Health | Scope.Scope> = () => Effect.void
) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(CaptureServer.layerBehindDoor(server, capture).pipe(Layer.provide(services)))
    yield* Health.use(({ started }) => started)
    yield* opened(yield* Effect.provide(CaptureServer, context))
    return yield* Effect.never
  }).pipe(Effect.scoped, Effect.provide(Door.layer(server)))

/** Of one process: its health has a port of its own, and is told from first to last. */
const alone = (settings: ProgramSettings) =>
  serve(settings, Layer.merge(projects(settings), log(settings))).pipe(
    Effect.provide(HealthServer.layer(settings.health))
  )

const oneOfSeveral = (settings: ProgramSettings) =>
  Effect.gen(function* () {
    yield* Processes.report(Readiness.status(yield* Health))
    return yield* serve(settings, Layer.merge(projects(settings), log(settings)), () => Processes.ready)
  }).pipe(Effect.scoped)

const supervise = (settings: ProgramSettings) => {
  const { run, status } = Processes.make(settings.processes)
  return Effect.provide(run, HealthServer.layerOf(settings.health, status))
}

/** Runs until it is interrupted, then drains. */
export const run = (settings: ProgramSettings) => {
  const isOneOfSeveral = Processes.isOneOfSeveral()
  if (!isOneOfSeveral && settings.processes > 1) return supervise(settings)
  return Health.use(({ starting }) => starting).pipe(
    Effect.andThen(isOneOfSeveral ? oneOfSeveral(settings) : alone(settings)),
    Effect.provide(Health.layer)
  )
}
