/** People of a batch, whatever stands in the way: halving, what is left out, and what is remembered (spec worker 3.7, 6.1). */
import { assert, describe, it } from "@effect/vitest"
import type { Work } from "@tributary/domain/person/Snapshot"
import { header } from "@tributary/pipeline/service/LogMessage"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Gate } from "../support/Gate.ts"
import * as World from "../support/IngestWorld.ts"
import { A, E, I, message, minutes, T0 } from "../support/Message.ts"

/** An ingestion whose person step has a bug that shows with events named `poison`. */
const poisonous = World.make({
  stages: (stages) => ({
    ...stages,
    person: (state, event) => {
      if (event.event === "poison") throw new Error("a bug in the fold")
      return stages.person(state, event)
    }
  })
})

const names = (work: Work) => work.names.map(({ distinctId }) => distinctId)
const offsets = (work: Work) => work.progress.map(({ offset }) => Number(offset))
const many = (count: number) => Array.from({ length: count }, (_, n) => E(`u${n}`, { set: { n } }))

/** Records the messages of each transaction that committed, in order. */
const watchCommits = (world: World.World, fail: (work: Work) => ReturnType<Gate["transact"]> = () => undefined) => {
  const commits: Array<ReadonlyArray<number>> = []
  let last: ReadonlyArray<number> = []
  world.gate.transact = (work) => {
    last = offsets(work)
    return fail(work)
  }
  world.gate.after = (call) =>
    Effect.sync(() => {
      if (call === "PersonStore.transact") commits.push(last)
    })
  return commits
}

const letterOf = (ran: World.Ran) => ran.letters.map(({ error, reason, step, team }) => [reason, step, error, team])
const failure = "Processing error - non-retriable"

describe("a batch with an event that fails", () => {
  it.effect("H06, P40: is halved until the event stands alone; all others end as without it", () =>
    Effect.gen(function* () {
      const world = yield* poisonous
      const commits = watchCommits(world)
      const batch = many(500)
      batch[377] = message("poison", "u377")
      const ran = yield* world.run(...batch)
      assert.deepStrictEqual(ran.outcomes, [`dead_letter ${failure} 1`, "stored 499"])
      assert.deepStrictEqual(letterOf(ran), [[failure, "persons", "a bug in the fold", "1"]])
      assert.strictEqual(header(ran.letters[0]!.record.headers, "dlq_offset"), "377")
      assert.strictEqual(world.tables.persons.size, 499)
      assert.isUndefined(world.person("u377"))
      // Front half first: the progress passes every message once, in the order of the log.
      assert.deepStrictEqual(
        commits.flat(),
        Array.from({ length: 500 }, (_, n) => n)
      )
      assert.isTrue(commits.some((work) => work.length === 1 && work[0] === 377))
    })
  )

  for (const reason of ["Refused", "Conflict", "Bug"] as const) {
    it.effect(`an event that the store meets with ${reason} is a dead letter alone`, () =>
      Effect.gen(function* () {
        const world = yield* World.make()
        const commits = watchCommits(world, (work) => (names(work).includes("u5") ? reason : undefined))
        const ran = yield* world.run(...many(11))
        assert.deepStrictEqual(ran.outcomes, [`dead_letter ${failure} 1`, "stored 10"])
        assert.strictEqual(ran.letters[0]?.reason, failure)
        assert.deepStrictEqual(commits.flat(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      })
    )
  }

  it.effect("two offenders are two dead letters", () =>
    Effect.gen(function* () {
      const world = yield* poisonous
      const ran = yield* world.run(message("poison", "a"), E("b"), message("poison", "c"))
      assert.deepStrictEqual(ran.outcomes, [`dead_letter ${failure} 2`, "stored 1"])
    })
  )

  it.effect("P41: its dead letter is remembered, and repeated whatever the event would be by now", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.gate.transact = (work) => (names(work).includes("bad") ? "Refused" : undefined)
      const records = yield* world.append([E("good"), E("bad", { set: { a: 1 } }), E("later")])
      yield* world.deliver(records)
      world.gate.transact = () => undefined
      for (const cut of [records, records.slice(1), records.slice(1, 2)]) {
        const again = yield* world.deliver(cut, world.worker())
        assert.deepStrictEqual(letterOf(again), [[failure, "persons", "refused", "1"]])
        assert.notInclude(
          again.events.map(({ distinctId }) => distinctId),
          "bad"
        )
        assert.deepStrictEqual(again.told, [])
      }
      assert.isUndefined(world.person("bad"))
    })
  )

  it.effect("P41: what another worker stored meanwhile is no dead letter", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const records = yield* world.append([E("u", { set: { a: 1 } })])
      const other = world.worker()
      let calls = 0
      let isOther = false
      world.gate.transact = () => (!isOther && calls === 1 ? "Conflict" : undefined)
      world.gate.before = (call) =>
        Effect.suspend(() => {
          if (call !== "PersonStore.transact" || isOther) return Effect.void
          calls += 1
          if (calls !== 2) return Effect.void
          isOther = true
          return Effect.andThen(
            world.deliver(records, other),
            Effect.sync(() => {
              isOther = false
            })
          )
        })
      const ran = yield* world.deliver(records)
      assert.deepStrictEqual(
        ran.events.map(({ distinctId }) => distinctId),
        ["u", "u"]
      )
      assert.deepStrictEqual([ran.letters, ran.outcomes], [[], ["stored 2"]])
    })
  )

  it.effect("a message without an event cannot stop the others", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.gate.transact = (work) => (offsets(work).includes(1) ? "Refused" : undefined)
      const ran = yield* world.run(E("a"), E("b", {}, { token: "phc_nobody" }), E("c"))
      assert.deepStrictEqual(ran.outcomes, ["dropped invalid_token 1", "stored 2"])
    })
  )
})

describe("a merge that fails alone", () => {
  /** The merge's message, batched or alone, fails `times` times. */
  const failing = (times: number, reason: "Conflict" | "Refused") =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.each(E("alice"), E("anon-1"))
      let left = times
      world.gate.transact = (work) => (names(work).includes("anon-1") && left-- > 0 ? reason : undefined)
      const records = yield* world.append([
        E("x"),
        I("alice", "anon-1", { set: { a: 1 } }, { timestamp: T0 + minutes(1) }),
        E("y")
      ])
      const ran = yield* world.deliver(records)
      return { ran, records, world }
    })

  it.effect(
    "for its conflicts is left out, with a warning; its event is stored, and so it is when it comes again",
    () =>
      Effect.gen(function* () {
        // Whole, half of two, alone.
        const { ran, records, world } = yield* failing(3, "Conflict")
        const check = (ran: World.Ran) => {
          assert.deepStrictEqual(ran.outcomes, ["stored 3"])
          assert.deepStrictEqual(
            ran.warnings.map(({ type }) => type),
            ["merge_race_condition"]
          )
          assert.strictEqual(world.person("alice")?.uuid, World.personUuid("alice"))
          assert.strictEqual(world.person("anon-1")?.uuid, World.personUuid("anon-1"))
          assert.deepStrictEqual(world.propertiesOf("alice"), { a: 1 })
        }
        check(ran)
        assert.strictEqual((yield* world.counts).get("ingestion_merges_left_out_total"), 1)
        const again = yield* world.deliver(records, world.worker())
        check(again)
        assert.deepStrictEqual(again.told, [])
      })
  )

  it.effect("for another reason is left out without one", () =>
    Effect.gen(function* () {
      const { ran, world } = yield* failing(3, "Refused")
      assert.deepStrictEqual([ran.outcomes, ran.warnings], [["stored 3"], []])
      assert.strictEqual(world.person("anon-1")?.uuid, World.personUuid("anon-1"))
    })
  )

  it.effect("and once more without the merge is a dead letter", () =>
    Effect.gen(function* () {
      const { ran, records, world } = yield* failing(4, "Refused")
      assert.deepStrictEqual(ran.outcomes, [`dead_letter ${failure} 1`, "stored 2"])
      const again = yield* world.deliver(records, world.worker())
      assert.deepStrictEqual([again.outcomes, again.told], [ran.outcomes, []])
    })
  )

  it.effect("no more than twice is merged after all, in a piece of its own", () =>
    Effect.gen(function* () {
      const { ran, world } = yield* failing(2, "Conflict")
      assert.deepStrictEqual([ran.outcomes, ran.warnings], [["stored 3"], []])
      assert.strictEqual(world.person("anon-1")?.uuid, World.personUuid("alice"))
    })
  )
})

describe("a batch without people", () => {
  it.effect("P23: opens no transaction, and does not call the store at all", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      world.gate.before = (call) => (call.startsWith("PersonStore") ? Effect.die(new Error(call)) : Effect.void)
      const ran = yield* world.run(A("u"), A("v"), E("w", {}, { token: "phc_nobody" }))
      assert.deepStrictEqual(ran.outcomes, ["dropped invalid_token 1", "stored 2"])
      assert.strictEqual(world.tables.progress.rows.size, 0)
    })
  )

  it.effect("has its offender alone as a dead letter, too", () =>
    Effect.gen(function* () {
      const world = yield* poisonous
      const off = { $process_person_profile: false }
      const ran = yield* world.run(A("u"), message("poison", "v", off), A("w"))
      assert.deepStrictEqual(ran.outcomes, [`dead_letter ${failure} 1`, "stored 2"])
      // The same when personful neighbours take it into a transaction.
      const mixed = yield* world.run(E("x"), message("poison", "v", off))
      assert.deepStrictEqual(mixed.outcomes, [`dead_letter ${failure} 1`, "stored 1"])
    })
  )
})

describe("the fence", () => {
  it.effect("H10: a batch that was applied changes and tells nothing when it comes again, and emits its events", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const records = yield* world.append([E("u", { set: { a: 1 } }), I("alice", "u"), E("u", { set: { a: 2 } })])
      const first = yield* world.deliver(records)
      const people = structuredClone([...world.tables.persons, ...world.tables.mappings])
      for (const cut of [records, records.slice(1), records.slice(0, 2)]) {
        const again = yield* world.deliver(cut, world.worker())
        assert.deepStrictEqual(again.told, [])
        assert.deepStrictEqual(
          again.events.map(({ uuid }) => uuid),
          first.events.map(({ uuid }) => uuid).slice(records.indexOf(cut[0]!), records.indexOf(cut.at(-1)!) + 1)
        )
        assert.deepStrictEqual([...world.tables.persons, ...world.tables.mappings], people)
      }
    })
  )

  it.effect("a batch of old and new messages applies the new ones only", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const records = yield* world.append([
        E("u", { set: { a: 1 } }),
        E("u", { set: { a: 2 } }),
        E("u", { set: { b: [] } })
      ])
      yield* world.deliver(records.slice(0, 2))
      assert.strictEqual(world.person("u")?.properties["a"], 2)
      const mixed = yield* world.deliver(records)
      assert.strictEqual(mixed.events.length, 3)
      assert.deepStrictEqual(world.propertiesOf("u"), { a: 2, b: [] })
    })
  )

  it.effect("P38: a worker that wakes up late undoes nothing", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const records = yield* world.append([E("u", { set: { a: 1 } }), E("u", { set: { a: 2 } })])
      let isAsleep = true
      world.gate.before = (call) =>
        call === "PersonStore.transact" && isAsleep
          ? Effect.andThen(
              Effect.sync(() => {
                isAsleep = false
              }),
              Effect.sleep("1 hour")
            )
          : Effect.void
      const late = yield* Effect.forkChild(world.deliver(records.slice(0, 1)), { startImmediately: true })
      yield* world.deliver(records, world.worker())
      yield* TestClock.adjust("1 hour")
      const ran = yield* Fiber.join(late)
      assert.strictEqual(world.person("u")?.properties["a"], 2)
      assert.strictEqual(ran.letters.length, 0)
      assert.strictEqual(world.tables.progress.rows.values().next().value?.nextOffset, 2n)
    })
  )
})
