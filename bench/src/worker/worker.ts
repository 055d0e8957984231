/** A worker that reads one lane, on real engines and without transformations, from `begin` to `end`. */
import "effect/schema/SchemaJITCompiler/enable"
import * as Ingestion from "@tributary/app-worker/Ingestion"
import * as Topics from "@tributary/domain/row/Topics"
import * as Settings from "@tributary/pipeline/ingest/Settings"
import { EventLog } from "@tributary/pipeline/service/EventLog"
import { FunctionStore } from "@tributary/pipeline/service/FunctionStore"
import { Health } from "@tributary/pipeline/service/Health"
import { Restrictions } from "@tributary/pipeline/service/Restrictions"
import * as GroupTypes from "@tributary/runtime-node/postgres/GroupTypes"
import * as PersonStore from "@tributary/runtime-node/postgres/PersonStore"
import * as Progress from "@tributary/runtime-node/postgres/Progress"
import * as ProjectStore from "@tributary/runtime-node/postgres/ProjectStore"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Measured from "../process/Measured.ts"
import * as World from "../World.ts"
import * as CommittedLog from "./CommittedLog.ts"
import { group } from "./Lane.ts"

export type WorkerQuestions = {
  /** Starts to consume. */
  readonly begin: readonly [undefined, null]
  /** How far it is. */
  readonly standing: readonly [undefined, CommittedLog.Standing]
  /** Drains. */
  readonly end: readonly [undefined, null]
}

const workerOf = (topic: string): Ingestion.Settings => ({
  behaviour: Settings.defaults,
  lanes: [{ name: "main", topic, group }],
  topics: { main: Topics.events, overflow: Topics.eventsOverflow, historical: Topics.eventsHistorical },
  topicPrefix: "",
  maxMessages: 500,
  maxBytes: 16_000_000
})

/** A project that has configured nothing. */
const noFunctions = Layer.succeed(
  FunctionStore,
  FunctionStore.of({ forTeams: () => Effect.succeed(new Map()), ensureGeoIpFunction: () => Effect.void })
)

Measured.run(
  Effect.gen(function* () {
    const settings = yield* World.settings
    const people = Layer.mergeAll(PersonStore.layer, Progress.layer, GroupTypes.layer, ProjectStore.layer)
    const worker = workerOf(yield* Config.String("BENCH_TOPIC"))
    const services = Layer.mergeAll(people, noFunctions, Restrictions.layerNone, Health.layer)
    const context = yield* Layer.build(Layer.provideMerge(services, World.stores(settings)))
    const { log, standing } = CommittedLog.make(Context.get(context, EventLog))
    const perform = Effect.runPromiseWith(Context.add(context, EventLog, log))
    let running = Scope.makeUnsafe()
    Measured.answer<WorkerQuestions>({
      begin: async () => {
        running = Scope.makeUnsafe()
        await perform(Scope.provide(Ingestion.run(worker), running))
        return null
      },
      standing,
      end: async () => {
        await perform(Scope.close(running, Exit.void))
        return null
      }
    })
    return null
  })
)
