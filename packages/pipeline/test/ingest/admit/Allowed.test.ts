/** What operators decided: cases of spec worker 8.1, through the whole of ingestion. */
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import { Effect } from "effect"
import * as World from "../../support/IngestWorld.ts"
import { E, I, withValue } from "../../support/Message.ts"
import { assertNothing, assertPersonlessIdentify, names, reasons } from "../../support/Said.ts"

const { aProject } = World

describe("restrictions", () => {
  it.effect("A15: a token that is to be dropped is dropped before its body is looked at", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ restrictions: { drop_event: "phc_1" } })
      const ran = yield* world.run(E("u"), withValue(E("u"), "broken"))
      assertNothing(ran, world)
      assert.deepStrictEqual(ran.outcomes, ["dropped blocked_token 2"])
    })
  )

  it.effect("A16, A17: a token may be sent to the dead letters, but dropping goes first", () =>
    Effect.gen(function* () {
      const restrictions = { redirect_to_dlq: "phc_1,phc_2", drop_event: " phc_2 ,, " }
      const projects = [aProject(), aProject({ id: 2, apiToken: "phc_2" })]
      const world = yield* World.make({ restrictions, projects })
      const ran = yield* world.run(E("u"), E("u", {}, { token: "phc_2" }))
      assert.deepStrictEqual(reasons(ran), ["restricted_to_dlq"])
      assert.deepStrictEqual(ran.outcomes, ["dead_letter restricted_to_dlq 1", "dropped blocked_token 1"])
    })
  )

  it.effect("A18: a restriction of one distinct id leaves the token's others alone", () =>
    Effect.gen(function* () {
      const restrictions = { drop_event: "phc_1:u1,phc_1:distinct_id:u2,phc_1:distinct_id:a:b" }
      const world = yield* World.make({ restrictions })
      const ran = yield* world.run(E("u1"), E("u2"), E("a:b"), E("u3"))
      assert.deepStrictEqual(names(ran), ["custom u3"])
    })
  )

  it.effect("H23: several restrictions of one message apply together", () =>
    Effect.gen(function* () {
      const restrictions = { force_overflow: "phc_1", skip_person_processing: "phc_1:u" }
      const world = yield* World.make({ restrictions, settings: { overflowEnabled: true } })
      const ran = yield* world.run(E("u"), E("v"))
      assert.deepStrictEqual(
        ran.redirected.map(({ key }) => (key === null ? null : World.textOf(key))),
        [null, "phc_1:v"]
      )
    })
  )

  it.effect("A19: a token may be forced to the overflow lane, with key, value and headers as they were", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        restrictions: { force_overflow: "phc_1" },
        settings: { overflowEnabled: true }
      })
      const sent = E("u")
      const ran = yield* world.run(sent)
      assertNothing(ran, world)
      const [record] = ran.redirected
      assert.deepStrictEqual([World.textOf(record!.key), World.textOf(record!.value)], [sent.key, sent.value])
      assert.deepStrictEqual(record!.headers.slice(0, sent.headers.length), sent.headers)
      assert.deepStrictEqual(
        record!.headers.slice(sent.headers.length).map(([name]) => name),
        ["redirect-step", "redirect-timestamp"]
      )
      assert.deepStrictEqual(ran.outcomes, ["redirected force_overflow 1"])
    })
  )

  for (const overflowPreserveLocality of [false, true]) {
    it.effect(
      `H18: without persons the key of a redirected message ${overflowPreserveLocality ? "stays" : "goes"}`,
      () =>
        Effect.gen(function* () {
          const world = yield* World.make({
            restrictions: { force_overflow: "phc_1", skip_person_processing: "phc_1" },
            settings: { overflowEnabled: true, overflowPreserveLocality }
          })
          const ran = yield* world.run(E("u"))
          const [record] = ran.redirected
          const original = record!.headers.find(([name]) => name === "redirect-original-key")?.[1]
          if (overflowPreserveLocality) {
            assert.strictEqual(World.textOf(record!.key), "phc_1:u")
            assert.isUndefined(original)
          } else {
            assert.isNull(record!.key)
            assert.deepStrictEqual(original, new TextEncoder().encode("phc_1:u"))
          }
        })
    )
  }

  it.effect("A20: where overflow is off the message is processed", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ restrictions: { force_overflow: "phc_1" } })
      const ran = yield* world.run(E("u"))
      assert.deepStrictEqual([names(ran), ran.redirected.length], [["custom u"], 0])
    })
  )

  it.effect("H17: the overflow lane does not redirect to itself", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        restrictions: { force_overflow: "phc_1" },
        settings: { overflowEnabled: true }
      })
      const records = yield* world.append([E("u", {}, { topic: Topics.eventsOverflow })])
      const ran = yield* world.deliver(records)
      assert.deepStrictEqual([names(ran), ran.redirected.length], [["custom u"], 0])
    })
  )

  it.effect("A21: a token without person processing gets its $identify as a personless event", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ restrictions: { skip_person_processing: "phc_1" } })
      const ran = yield* world.run(I("alice", "anon-1", { set: { a: 1 } }))
      assertPersonlessIdentify(ran, world)
    })
  )
})
