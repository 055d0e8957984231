/**
 * Capture as a program: one process, or several that share the port (`CAPTURE_PROCESSES`), of which the first tells the health of
 * all. The door is bound at once; it opens when the log has been reached.
 */
import { Health } from "@tributary/pipeline/service/Health"
import type { Producer } from "@tributary/pipeline/service/Producer"
import { Door } from "@tributary/runtime-node/http/Door"
import { HealthServer } from "@tributary/runtime-node/http/HealthServer"
import * as Readiness from "@tributary/runtime-node/http/Readiness"
import * as Database from "@tributary/runtime-node/postgres/Database"
import * as ProjectStore from "@tributary/runtime-node/postgres/ProjectStore"
import * as Processes from "@tributary/runtime-node/process/Processes"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as CaptureApp from "./CaptureApp.ts"
import type { ProgramSettings } from "./Config.ts"

/** Projects are looked up, and nothing else is asked of PostgreSQL. */
const projects = ({ databaseUrl, poolSize }: ProgramSettings) =>
  ProjectStore.layer.pipe(Layer.provide(Database.layer({ databaseUrl, personsDatabaseUrl: databaseUrl, poolSize })))

/** One process that serves. Where it is one of several, the first one tells of its health. */
const serve = <E>(settings: ProgramSettings, log: Layer.Layer<Producer, E, Health>) =>
  Effect.gen(function* () {
    const app = CaptureApp.layer({ ...settings, health: Processes.isOneOfSeveral() ? undefined : settings.health })
    yield* Layer.build(app.pipe(Layer.provide(Layer.merge(projects(settings), log))))
    if (Processes.isOneOfSeveral()) yield* Processes.report(Readiness.status(yield* Health))
    return yield* Effect.never
  }).pipe(Effect.provide(Layer.provideMerge(Door.layer(settings.server), Health.layer)))

const supervise = (settings: ProgramSettings) =>
  Effect.gen(function* () {
    const { lost, status } = yield* Processes.start(settings.processes)
    yield* Layer.build(HealthServer.layerOf(settings.health, status))
    return yield* lost
  })

/** Runs until it is interrupted, then drains. */
export const run = <E>(settings: ProgramSettings, log: Layer.Layer<Producer, E, Health>) =>
  settings.processes === 1 || Processes.isOneOfSeveral() ? serve(settings, log) : supervise(settings)
