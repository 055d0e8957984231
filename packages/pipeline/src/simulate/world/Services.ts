/** The services of one process: each call of one goes over the network to the servers of the world. */
import type { Project } from "@tributary/domain/project/Project"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ClickHouseSink } from "../../service/ClickHouseSink.ts"
import { EventLog } from "../../service/EventLog.ts"
import { FunctionStore } from "../../service/FunctionStore.ts"
import { GroupTypes } from "../../service/GroupTypes.ts"
import { Health } from "../../service/Health.ts"
import * as GroupTypesMemory from "../../service/memory/GroupTypesMemory.ts"
import * as ProjectStoreMemory from "../../service/memory/ProjectStoreMemory.ts"
import { PersonStore } from "../../service/PersonStore.ts"
import { Producer } from "../../service/Producer.ts"
import { Progress } from "../../service/Progress.ts"
import { ProjectStore } from "../../service/ProjectStore.ts"
import { Restrictions } from "../../service/Restrictions.ts"
import { StoreError } from "../../service/StoreError.ts"
import type { Process } from "../machine/Machine.ts"
import * as SimPersonStore from "../store/SimPersonStore.ts"
import * as SimProgress from "../store/SimProgress.ts"
import type { World } from "./World.ts"

/** What the stages of ingestion may ask for. */
export type Services =
  | ProjectStore
  | Restrictions
  | FunctionStore
  | Producer
  | PersonStore
  | GroupTypes
  | Health
  | EventLog
  | Progress

/** Rows of projects and group types, shared by all processes. */
export interface Shared {
  readonly projects: ReadonlyArray<Project>
  readonly groupTypes: Array<GroupTypesMemory.GroupTypeRow>
}

const noFunctions = FunctionStore.of({
  forTeams: () => Effect.succeed(new Map()),
  ensureGeoIpFunction: () => Effect.void
})

export const make = (world: World, { groupTypes, projects }: Shared, process: Process) =>
  Effect.gen(function* () {
    const { flaws, ledger, log, network, postgres } = world
    const memory = yield* Layer.build(
      Layer.mergeAll(
        ProjectStoreMemory.layer([...projects]),
        GroupTypesMemory.layer(groupTypes),
        Restrictions.layerNone,
        Health.layer
      )
    )
    const projectStore = Context.get(memory, ProjectStore)
    const types = Context.get(memory, GroupTypes)
    /** A look-up of one statement; the store in memory answers for the database. */
    const asked = <A>(store: string, operation: string, effect: Effect.Effect<A, StoreError>) => {
      const failed = () =>
        new StoreError({ store, operation, reason: "Unavailable", cause: new Error("connection lost") })
      return network.call<A, StoreError>({
        from: process,
        to: postgres.server,
        name: operation,
        lost: failed,
        refused: failed,
        serve: (answer) => void answer(Effect.runSyncExit(effect))
      })
    }
    const options = { postgres, process, flaws }
    return memory.pipe(
      Context.add(
        ProjectStore,
        ProjectStore.of({
          ...projectStore,
          // Nothing is cached, so that the store is asked every time.
          peek: () => undefined,
          byTokens: (tokens) => asked("ProjectStore", "projects", projectStore.byTokens(tokens))
        })
      ),
      Context.add(
        GroupTypes,
        GroupTypes.of({ resolve: (requests) => asked("GroupTypes", "group types", types.resolve(requests)) })
      ),
      Context.add(FunctionStore, noFunctions),
      Context.add(PersonStore, SimPersonStore.make({ ...options, ledger, isOdd: process.name.startsWith("worker-2") })),
      Context.add(Progress, SimProgress.make(options)),
      Context.add(Producer, log.producer(process)),
      Context.add(EventLog, log.eventLog(process)),
      Context.add(ClickHouseSink, world.clickhouse.sink(process))
    )
  })
