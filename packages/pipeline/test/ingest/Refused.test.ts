/** What PostgreSQL refuses for good before the batch's transaction: the events concerned, and no others (spec worker 6.1). */
import { assert, describe, it } from "@effect/vitest"
import type { LogMessage } from "@tributary/pipeline/service/LogMessage"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as World from "../support/IngestWorld.ts"
import { E } from "../support/Message.ts"

const failure = "dead_letter Processing error - non-retriable 1"

/** Takes the messages through ingestion as one batch, for as long as that takes. */
const run = (world: World.World, ...messages: ReadonlyArray<LogMessage>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(world.run(...messages), { startImmediately: true })
    for (let n = 0; n < 20; n++) yield* TestClock.adjust("100 millis")
    return yield* Fiber.join(fiber)
  })

const two = [World.aProject(), World.aProject({ id: 2, apiToken: "phc_2" })]
const other = (distinctId: string) => E(distinctId, {}, { token: "phc_2" })
const inGroup = (distinctId: string, type: string) => E(distinctId, { $groups: { [type]: "acme" } })

describe("what the database refuses for good", () => {
  it.effect("a token: its events are dead letters, others are stored", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: two })
      world.gate.refuses = (call, token) => call === "ProjectStore.byTokens" && token === "phc_2"
      const ran = yield* run(world, E("a"), other("b"), E("c"), E("d", {}, { token: "phc_unknown" }))
      assert.deepStrictEqual(ran.outcomes, [failure, "dropped invalid_token 1", "stored 2"])
      assert.deepStrictEqual(
        ran.letters.map(({ error, step, team }) => [error, step, team]),
        [["refused", "admit", undefined]]
      )
    })
  )

  it.effect("the functions of a project: its events are dead letters of the project, others are stored", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: two })
      world.gate.refuses = (call, team) => call === "FunctionStore.forTeams" && team === 2
      const ran = yield* run(world, E("a"), other("b"), E("c"))
      assert.deepStrictEqual(ran.outcomes, [failure, "stored 2"])
      assert.deepStrictEqual(
        ran.letters.map(({ error, step, team }) => [error, step, team]),
        [["refused", "transform", "2"]]
      )
      assert.isUndefined(world.person("b", 2))
    })
  )

  it.effect("a group type: events that name it are dead letters, others get their groups", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const isBad = (request: unknown) =>
        typeof request === "object" && request !== null && "groupType" in request && request.groupType === "bad"
      world.gate.refuses = (call, request) => call === "GroupTypes.resolve" && isBad(request)
      const ran = yield* run(world, inGroup("a", "org"), inGroup("b", "bad"), E("c"), inGroup("d", "shop"))
      assert.deepStrictEqual(ran.outcomes, [failure, "stored 3"])
      assert.deepStrictEqual(
        ran.letters.map(({ error, step, team }) => [error, step, team]),
        [["refused", "groups", "1"]]
      )
      assert.deepStrictEqual(
        ran.events.map(({ distinctId, properties }) => [distinctId, properties["$group_0"], properties["$group_1"]]),
        [
          ["a", "acme", undefined],
          ["c", undefined, undefined],
          ["d", undefined, "acme"]
        ]
      )
      assert.isUndefined(world.person("b"))
    })
  )

  it.effect("a refusal that is over half a second later stops nobody", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      let calls = 0
      world.gate.refuses = (call) => call === "FunctionStore.forTeams" && ++calls <= 2
      assert.deepStrictEqual((yield* run(world, E("a"))).outcomes, ["stored 1"])
    })
  )
})
