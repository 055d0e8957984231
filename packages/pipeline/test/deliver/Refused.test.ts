/** What PostgreSQL refuses for good stops neither matching nor sending of anything else (spec worker 6.1). */
import { assert, describe, it } from "@effect/vitest"
import * as Match from "@tributary/pipeline/deliver/Match"
import * as Send from "@tributary/pipeline/deliver/Send"
import { DeliveryStore, type NewDelivery } from "@tributary/pipeline/service/DeliveryStore"
import { EventGroups, type NamedGroup } from "@tributary/pipeline/service/EventGroups"
import { FunctionStore } from "@tributary/pipeline/service/FunctionStore"
import { StoreError } from "@tributary/pipeline/service/StoreError"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { aHook, aMessage, aRecord, aWorld, textOf, uuid } from "./fixtures.ts"

const options = { siteUrl: "" }

interface Bad {
  readonly team: (team: number) => boolean
  readonly group: (group: NamedGroup) => boolean
  readonly delivery: (delivery: NewDelivery) => boolean
}

const unless = <A, E, R>(isRefused: boolean, self: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError, R> =>
  isRefused
    ? Effect.fail(new StoreError({ store: "any", operation: "any", reason: "Refused", cause: new Error("refused") }))
    : self

/** The world's services, which refuse what is bad. */
const refusing = (world: ReturnType<typeof aWorld>, bad: Partial<Bad>) =>
  Layer.mergeAll(
    Layer.effect(
      FunctionStore,
      FunctionStore.use((store) =>
        Effect.succeed(
          FunctionStore.of({
            ...store,
            forTeams: (teams) => unless([...teams].some(bad.team ?? no), store.forTeams(teams))
          })
        )
      )
    ),
    Layer.effect(
      EventGroups,
      EventGroups.use((store) =>
        Effect.succeed(EventGroups.of({ find: (groups) => unless(groups.some(bad.group ?? no), store.find(groups)) }))
      )
    ),
    Layer.effect(
      DeliveryStore,
      DeliveryStore.use((store) =>
        Effect.succeed(
          DeliveryStore.of({
            ...store,
            enqueue: (deliveries) => unless(deliveries.some(bad.delivery ?? no), store.enqueue(deliveries))
          })
        )
      )
    )
  ).pipe(Layer.provideMerge(world.layer))

const no = () => false

/** Runs for as long as its tries take. */
const patiently = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.raceFirst(self, Effect.forever(TestClock.adjust("100 millis")))

const matched = (world: ReturnType<typeof aWorld>, bad: Partial<Bad>, messages: ReadonlyArray<string>) =>
  patiently(Match.batch(messages.map(aRecord), options)).pipe(Effect.provide(refusing(world, bad)))

describe("what the database refuses for good", () => {
  it.effect("a project's functions: its events are passed over, others are delivered", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook(), aHook({}, { team: 2 })])
      const messages = [1, 2].map((team) => textOf(aMessage({ team, uuid: uuid(team) })))
      yield* matched(world, { team: (team) => team === 2 }, messages)
      assert.deepStrictEqual(
        [...world.deliveries.values()].map(({ event }) => event),
        [uuid(1)]
      )
    })
  )

  it.effect("a group: the event is matched without it, others with theirs", () =>
    Effect.gen(function* () {
      const hook = aHook(
        {},
        {
          filters: {
            properties: [{ key: "plan", type: "group", group_type_index: 0, operator: "exact", value: ["pro"] }]
          }
        }
      )
      const world = aWorld([hook], [{ team: 1, type: "company", index: 0, key: "acme", properties: { plan: "pro" } }])
      const messages = ["acme", "bad"].map((company, n) =>
        textOf(aMessage({ uuid: uuid(n + 1), properties: { $groups: { company } } }))
      )
      yield* matched(world, { group: ({ key }) => key === "bad" }, messages)
      assert.deepStrictEqual(world.metrics(), { triggered: 1, filtered: 1 })
    })
  )

  it.effect("a delivery: it is left out, the others are enqueued", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      const messages = [1, 2, 3].map((n) => textOf(aMessage({ uuid: uuid(n) })))
      yield* matched(world, { delivery: ({ event }) => event === uuid(2) }, messages)
      assert.deepStrictEqual(
        [...world.deliveries.values()].map(({ event }) => event),
        [uuid(1), uuid(3)]
      )
      assert.deepStrictEqual(world.metrics(), { triggered: 2 })
    })
  )

  it.effect("a project's functions once deliveries are due: they wait for another lease, and lose no attempt", () =>
    Effect.gen(function* () {
      const world = aWorld([aHook()])
      yield* matched(world, {}, [textOf(aMessage())])
      const send = (bad: Partial<Bad>) =>
        Effect.gen(function* () {
          const leased = yield* DeliveryStore.use((store) => store.claim({ limit: 9, leaseMs: 60_000, except: [] }))
          yield* Send.settle(yield* Effect.all(yield* patiently(Send.attempts(leased, options))))
          return leased.length
        }).pipe(Effect.provide(refusing(world, bad)))
      assert.strictEqual(yield* send({ team: () => true }), 1)
      assert.deepStrictEqual([world.sent.length, [...world.deliveries.values()][0]?.attempts], [0, 0])
      assert.strictEqual(yield* send({}), 0)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* send({}), 1)
      assert.deepStrictEqual([world.sent.length, world.metrics()["succeeded"]], [1, 1])
    })
  )
})
