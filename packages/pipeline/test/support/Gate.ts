/** A gate between the stages and their services, at which a test may let calls fail, wait or die. */
import type { Work } from "@tributary/domain/person/Snapshot"
import { EventLog } from "@tributary/pipeline/service/EventLog"
import { FunctionStore } from "@tributary/pipeline/service/FunctionStore"
import { GroupTypes } from "@tributary/pipeline/service/GroupTypes"
import { PersonStore } from "@tributary/pipeline/service/PersonStore"
import { Producer, ProducerError } from "@tributary/pipeline/service/Producer"
import { Progress } from "@tributary/pipeline/service/Progress"
import { ProjectStore } from "@tributary/pipeline/service/ProjectStore"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import { Effect, Layer } from "effect"

/** What happens at each call of a service, named as `PersonStore.transact`. Replace at any time. */
export interface Gate {
  before: (call: string) => Effect.Effect<void>
  after: (call: string) => Effect.Effect<void>
  /** PostgreSQL, or the log, does not answer. */
  isAway: { postgres: boolean; log: boolean }
  /** Whether PostgreSQL refuses for good what is asked for: one token, team or request. */
  refuses: (call: string, asked: unknown) => boolean
  /** Why a transaction fails; undefined lets it through. */
  transact: (work: Work) => StoreError["reason"] | "Bug" | undefined
}

/** Open: every call passes. */
export const open = (): Gate => ({
  before: () => Effect.void,
  after: () => Effect.void,
  isAway: { postgres: false, log: false },
  refuses: () => false,
  transact: () => undefined
})

const storeError = (store: string, operation: string, reason: StoreError["reason"]): StoreError =>
  new StoreError({ store, operation, reason, cause: new Error(reason.toLowerCase()) })

/** The services behind the gate. */
export const layer = (gate: Gate) => {
  const pass = <A, E, R>(call: string, self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => gate.before(call)).pipe(
      Effect.andThen(self),
      Effect.tap(() => gate.after(call))
    )
  const postgres = <A, E, R>(
    store: string,
    operation: string,
    self: Effect.Effect<A, E, R>,
    asked: Iterable<unknown> = []
  ) =>
    pass(
      `${store}.${operation}`,
      Effect.suspend(
        (): Effect.Effect<A, E | StoreError, R> =>
          gate.isAway.postgres
            ? Effect.fail(storeError(store, operation, "Unavailable"))
            : [...asked].some((one) => gate.refuses(`${store}.${operation}`, one))
              ? Effect.fail(storeError(store, operation, "Refused"))
              : self
      )
    )
  return Layer.mergeAll(
    Layer.effect(
      PersonStore,
      Effect.map(PersonStore, (store) =>
        PersonStore.of({
          transact: (work, fold) =>
            postgres(
              "PersonStore",
              "transact",
              Effect.suspend(() => {
                const failure = gate.transact(work)
                if (failure === "Bug") return Effect.die(new Error("a bug in the store"))
                return failure === undefined
                  ? store.transact(work, fold)
                  : Effect.fail(storeError("PersonStore", "transact", failure))
              })
            ),
          published: (ids) => postgres("PersonStore", "published", store.published(ids)),
          refusedByLog: (ids) => postgres("PersonStore", "refusedByLog", store.refusedByLog(ids)),
          sweep: (olderThanMs, publish) => postgres("PersonStore", "sweep", store.sweep(olderThanMs, publish))
        })
      )
    ),
    Layer.effect(
      ProjectStore,
      Effect.map(ProjectStore, (store) =>
        ProjectStore.of({
          byTokens: (tokens) => postgres("ProjectStore", "byTokens", store.byTokens(tokens), tokens),
          byIds: (ids) => postgres("ProjectStore", "byIds", store.byIds(ids), ids),
          peek: store.peek,
          markIngested: (ids) => postgres("ProjectStore", "markIngested", store.markIngested(ids))
        })
      )
    ),
    Layer.effect(
      GroupTypes,
      Effect.map(GroupTypes, (types) =>
        GroupTypes.of({ resolve: (requests) => postgres("GroupTypes", "resolve", types.resolve(requests), requests) })
      )
    ),
    Layer.effect(
      FunctionStore,
      Effect.map(FunctionStore, (store) =>
        FunctionStore.of({
          ...store,
          forTeams: (teams) => postgres("FunctionStore", "forTeams", store.forTeams(teams), teams)
        })
      )
    ),
    Layer.effect(
      Progress,
      Effect.map(Progress, (progress) =>
        Progress.of({
          ...progress,
          assigned: (name, partitions) => postgres("Progress", "assigned", progress.assigned(name, partitions))
        })
      )
    ),
    Layer.effect(
      Producer,
      Effect.map(Producer, (producer) =>
        Producer.of({
          send: (messages) =>
            pass(
              "Producer.send",
              Effect.suspend(() =>
                gate.isAway.log
                  ? Effect.fail(new ProducerError({ reason: "Unavailable", cause: new Error("no broker") }))
                  : producer.send(messages)
              )
            )
        })
      )
    ),
    Layer.effect(
      EventLog,
      Effect.map(EventLog, (log) =>
        EventLog.of({
          subscribe: (options) =>
            Effect.map(pass("EventLog.subscribe", log.subscribe(options)), (subscription) => ({
              poll: pass("EventLog.poll", subscription.poll),
              commit: (positions) => pass("EventLog.commit", subscription.commit(positions))
            }))
        })
      )
    )
  )
}
