/** What runs in the processes of a world: capture, workers, sinks, the clients, and a program that deletes people. */
import type { Project } from "@tributary/domain/project/Project"
import * as Topics from "@tributary/domain/row/Topics"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Capture from "../../capture/Capture.ts"
import { RandomBytes } from "../../capture/RandomBytes.ts"
import type * as Reply from "../../capture/Reply.ts"
import * as CaptureSettings from "../../capture/Settings.ts"
import * as Consume from "../../ingest/Consume.ts"
import * as Ingest from "../../ingest/Ingest.ts"
import type * as IngestSettings from "../../ingest/Settings.ts"
import * as Sweep from "../../ingest/Sweep.ts"
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
import * as Sink from "../../sink/Sink.ts"
import * as Tables from "../../sink/Tables.ts"
import type { Process } from "../machine/Machine.ts"
import * as Deletion from "../store/Deletion.ts"
import * as SimPersonStore from "../store/SimPersonStore.ts"
import * as SimProgress from "../store/SimProgress.ts"
import * as Workload from "../Workload.ts"
import * as Early from "./Early.ts"
import type { Server } from "./Network.ts"
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

export type Stages = Ingest.Stages<Services>

export const group = "events-ingestion-consumer"
export const groupPrefix = "clickhouse-"

/** The tables that are filled and looked at: people, events, dead letters, and one in which rows add up. */
export const targets = Tables.targets.filter(({ table }) =>
  ["events", "person", "person_distinct_id2", "groups", "app_metrics2", "dead_letters"].includes(table)
)

const { topics } = { topics: CaptureSettings.defaults.topics }

/** Rows of projects and group types, shared by all processes. */
export interface Shared {
  readonly projects: ReadonlyArray<Project>
  readonly groupTypes: Array<GroupTypesMemory.GroupTypeRow>
}

const noFunctions = FunctionStore.of({
  forTeams: () => Effect.succeed(new Map()),
  ensureGeoIpFunction: () => Effect.void
})

const servicesOf = (world: World, { groupTypes, projects }: Shared, process: Process) =>
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

export const worker =
  (world: World, shared: Shared, settings: IngestSettings.Settings, stages: (stages: Stages) => Stages) =>
  (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      const services = yield* servicesOf(world, shared, process)
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
  (world: World, shared: Shared) =>
  (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      const services = yield* servicesOf(world, shared, process)
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

/** Where clients find capture: the process that listens, if any does. */
export interface Door {
  readonly server: Server
  handle: ((request: Capture.CaptureRequest, answer: (reply: Reply.Reply) => void) => void) | undefined
}

export const capture =
  (world: World, shared: Shared, door: Door) =>
  (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      const services = yield* servicesOf(world, shared, process)
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

/** What became of the requests. */
export interface Told {
  /** Numbers of the actions that were answered 200. */
  readonly acknowledged: Set<number>
  /** Those that were refused for good, and how. */
  readonly refused: Map<number, number>
  /** Requests and deletions that are not done yet. */
  open: number
}

const patience = "10 seconds"

/** Sends requests one after the other, each again, with the same uuids, until it is answered for good. */
export const client = (
  world: World,
  door: Door,
  requests: ReadonlyArray<ReadonlyArray<Workload.Action>>,
  told: Told
) => {
  let next = 0
  return (process: Process): Effect.Effect<void> => {
    const post = (actions: ReadonlyArray<Workload.Action>) =>
      world.network.call<Reply.Reply, "lost">({
        from: process,
        to: door.server,
        name: `post ${actions.map(({ n }) => n).join(" ")}`,
        lost: () => "lost",
        serve: (answer) => {
          if (door.handle === undefined) return void answer(Exit.fail("lost"))
          door.handle(requestOf(actions), (reply) => answer(Exit.succeed(reply)))
          return undefined
        }
      })
    return Effect.gen(function* () {
      for (; next < requests.length; next++) {
        const actions = requests[next]!
        const due = Workload.start + actions[0]!.at - world.machine.now
        if (due > 0) yield* Effect.sleep(due)
        while (true) {
          const reply = yield* Effect.option(Effect.timeout(post(actions), patience))
          const status = reply._tag === "Some" ? reply.value.status : 0
          if (status > 0 && status < 500) {
            for (const { n } of actions) {
              if (status === 200) told.acknowledged.add(n)
              else told.refused.set(n, status)
            }
            break
          }
          yield* Effect.sleep(500)
        }
        told.open -= 1
      }
    })
  }
}

const requestOf = (actions: ReadonlyArray<Workload.Action>): Capture.CaptureRequest => ({
  path: "/batch",
  query: "",
  contentType: "application/json",
  contentEncoding: undefined,
  ip: "203.0.113.7",
  body: Buffer.from(JSON.stringify({ api_key: Workload.tokenOf(actions[0]!), batch: actions.map(Workload.sent) }))
})

/** Deletes the people of these actions, one after the other; waits a while for whoever is not there yet. */
export const deleter = (world: World, actions: ReadonlyArray<Workload.Action>, told: Told) => {
  let next = 0
  return (process: Process): Effect.Effect<void> =>
    Effect.gen(function* () {
      for (; next < actions.length; next++) {
        const { at, token, who } = actions[next]!
        const due = Workload.start + at - world.machine.now
        if (due > 0) yield* Effect.sleep(due)
        const { flaws, ledger, postgres } = world
        const deletion = Deletion.deleteOwner({ postgres, process, flaws, ledger }, Workload.teamOf(token) ?? 0, who)
        for (let tries = 0, isDone = false; tries < 40 && !isDone; tries++) {
          yield* Effect.sleep(20)
          isDone = yield* Effect.orElseSucceed(deletion, () => false)
        }
        told.open -= 1
      }
    })
}

/** Bytes that are no message, appended by another producer. */
export const appendGarbage = ({ log, machine }: World, { at, n }: Workload.Action, partitions: number): void => {
  machine.after(at, () =>
    log.memory.append(Topics.events, n % partitions, {
      key: null,
      value: new TextEncoder().encode("{"),
      headers: [["token", "phc_1"]],
      timestamp: machine.now
    })
  )
}
