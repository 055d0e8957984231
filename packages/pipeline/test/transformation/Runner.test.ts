import { assert, describe, it } from "@effect/vitest"
import type { Properties } from "@tributary/domain/event/Properties"
import * as Filter from "@tributary/domain/function/Filter"
import * as HogFunction from "@tributary/domain/function/HogFunction"
import * as Inputs from "@tributary/domain/function/Inputs"
import * as Runner from "@tributary/pipeline/transformation/Runner"
import * as Transformation from "@tributary/pipeline/transformation/Transformation"
import { Effect, Fiber, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import { anEvent, aRow } from "./fixtures.ts"

type Run = (event: Transformation.TransformationEvent) => Transformation.Outcome

const load = (transformation: Transformation.Transformation, row: Partial<HogFunction.Row> = {}) => {
  const decoded = Result.getOrThrow(HogFunction.decode(aRow({ name: transformation.id, ...row }), {}))
  const program = Result.getOrThrow(
    transformation.load(decoded.targets[0]?.inputs ?? Inputs.none, { id: 1, url: "https://eu.example" })
  )
  return { function: decoded, program }
}

/** A transformation of its own for each test. */
const loaded = (run: Run, row: Partial<HogFunction.Row> = {}) =>
  load(Transformation.make({ id: "own", name: "own", inputs: Transformation.noInputs, run }), row)

const setting =
  (patch: Properties): Run =>
  (event) =>
    Transformation.keep({ properties: { ...event.properties, ...patch } })

const run = (list: ReadonlyArray<Runner.LoadedTransformation>, event = anEvent()) => {
  const tally = new Runner.Tally()
  const result = Runner.run(list, event, tally)
  return { result, metrics: Object.fromEntries(tally.metrics().map(({ count, name }) => [name, count])), tally }
}

const kept = (list: ReadonlyArray<Runner.LoadedTransformation>, event = anEvent()) => {
  const { metrics, result } = run(list, event)
  if (result._tag === "Dropped") return assert.fail("dropped")
  return { event: result.event, metrics }
}

describe("the runner", () => {
  it("R1: strips bookkeeping properties, also where there is nothing to run", () => {
    const event = anEvent({ properties: { $transformations_failed: ["x"], a: 1 } })
    assert.deepStrictEqual(kept([], event).event.properties, { a: 1 })
  })

  it("leaves an event of a project without transformations the same object", () => {
    const event = anEvent({ properties: { a: 1 } })
    assert.strictEqual(kept([], event).event, event)
  })

  it("R2, R3: orders by execution order, nulls last, then by age", () => {
    const rows = [
      aRow({ name: "second", executionOrder: 2 }),
      aRow({ name: "young null", createdAt: 10 }),
      aRow({ name: "old null", createdAt: 9 }),
      aRow({ name: "first", executionOrder: 1 })
    ].map((row) => Result.getOrThrow(HogFunction.decode(row, {})))
    const names = rows.sort(HogFunction.byOrder).map(({ name }) => name)
    assert.deepStrictEqual(names, ["first", "second", "old null", "young null"])
  })

  it("R4: each sees what the one before left", () => {
    const copy: Run = (event) => Transformation.keep({ properties: { ...event.properties, b: event.properties["a"] } })
    assert.deepStrictEqual(kept([loaded(setting({ a: 1 })), loaded(copy)]).event.properties, { a: 1, b: 1 })
  })

  it("R5: a drop ends it, names who dropped, and runs nothing more", () => {
    let ran = 0
    const dropping = loaded(() => Transformation.drop("spam"))
    const after = loaded(() => {
      ran += 1
      return Transformation.unchanged
    })
    const { metrics, result } = run([dropping, after])
    assert.deepStrictEqual(result, { _tag: "Dropped", by: dropping.function, reason: "spam" })
    assert.deepStrictEqual(metrics, { dropped: 1 })
    assert.strictEqual(ran, 0)
  })

  it("R7: one that throws leaves the event as it was, counts as failed, and the next one runs", () => {
    const throwing: Run = () => {
      throw new Error("no luck")
    }
    const { event, metrics } = kept([loaded(throwing), loaded(setting({ a: 1 }))])
    assert.deepStrictEqual(event.properties, { a: 1 })
    assert.deepStrictEqual(metrics, { failed: 1, succeeded: 1 })
  })

  it("R8, R9, R13: a result that is none, or wrong in a part, is not applied at all", () => {
    const wrong: ReadonlyArray<unknown> = [
      "text",
      undefined,
      { _tag: "Keep" },
      { _tag: "Keep", patch: { properties: [] } },
      { _tag: "Keep", patch: { event: 42, properties: { changed: true } } },
      { _tag: "Keep", patch: { event: "", properties: { changed: true } } },
      { _tag: "Keep", patch: { distinctId: "", properties: { changed: true } } }
    ]
    for (const outcome of wrong) {
      const event = anEvent({ properties: { a: 1 } })
      // A program that does not keep to its type, as plain JavaScript may.
      const result = kept([loaded(() => outcome as Transformation.Outcome)], event)
      assert.deepStrictEqual(result.event, event, JSON.stringify(outcome))
      assert.deepStrictEqual(result.metrics, { failed: 1 }, JSON.stringify(outcome))
    }
  })

  it("R10, R11: the ip follows $ip", () => {
    const event = anEvent({ ip: "1.2.3.4", properties: { $ip: "1.2.3.4" } })
    const without: Run = () => Transformation.keep({ properties: {} })
    assert.isNull(kept([loaded(without)], event).event.ip)
    assert.strictEqual(kept([loaded(setting({ $ip: "5.6.7.0" }))], event).event.ip, "5.6.7.0")
    assert.strictEqual(kept([loaded(() => Transformation.unchanged)], event).event.ip, "1.2.3.4")
  })

  it("R12, R14: name and distinct id may change", () => {
    const { event } = kept([loaded(() => Transformation.keep({ event: "renamed", distinctId: "d2" }))])
    assert.deepStrictEqual([event.event, event.distinctId], ["renamed", "d2"])
  })

  it("R15: nothing else may", () => {
    const patch = { uuid: "other", timestamp: "2000-01-01T00:00:00.000Z", properties: {} }
    const { event } = kept([loaded(() => Transformation.keep(patch))])
    assert.deepStrictEqual([event.uuid, event.timestamp], [anEvent().uuid, anEvent().timestamp])
  })

  it("R16: one whose filter does not match is skipped and counted", () => {
    const only = loaded(setting({ a: 1 }), { filters: { events: [{ id: "signup", type: "events" }] } })
    const event = anEvent()
    assert.deepStrictEqual(kept([only], event), { event, metrics: { filtered: 1 } })
    assert.deepStrictEqual(kept([only], anEvent({ event: "signup" })).event.properties, { a: 1 })
  })

  it("inputs that depend on the event are read with each event, and fail alone", () => {
    const greeting = Transformation.make({
      id: "greeting",
      name: "greeting",
      inputs: Schema.Struct({ greeting: Schema.String }),
      run: (event, inputs) => Transformation.keep({ properties: { ...event.properties, said: inputs.greeting } })
    })
    const hello = load(greeting, { inputs: { greeting: { value: "{event.properties.name}" } } })
    assert.strictEqual(kept([hello], anEvent({ properties: { name: "Ada" } })).event.properties["said"], "Ada")
    const { metrics } = kept([hello], anEvent({ properties: { name: 5 } }))
    assert.deepStrictEqual(metrics, { failed: 1 })
  })

  it("counts a metric per function and name for the whole batch", () => {
    const one = loaded(() => Transformation.unchanged)
    const tally = new Runner.Tally()
    for (let i = 0; i < 3; i++) Runner.run([one], anEvent(), tally)
    assert.deepStrictEqual(tally.metrics(), [
      { team: 1, appSource: "hog_function", appSourceId: one.function.id, kind: "success", name: "succeeded", count: 3 }
    ])
  })
})

describe("a batch", () => {
  const batchOf = (
    runAll: (
      events: ReadonlyArray<Transformation.TransformationEvent>
    ) => Effect.Effect<ReadonlyArray<Transformation.Outcome>>,
    row: Partial<HogFunction.Row> = {}
  ) =>
    load(
      Transformation.makeBatch({
        id: "asking",
        name: "asking",
        inputs: Transformation.noInputs,
        run: (items) => runAll(items.map(({ event }) => event))
      }),
      row
    )

  it.effect("runs transformations that are effects in their place among the others, once for all events", () =>
    Effect.gen(function* () {
      let calls = 0
      const asking = batchOf((events) =>
        Effect.sync(() => {
          calls += 1
          return events.map(({ properties }) =>
            Transformation.keep({ properties: { ...properties, asked: properties["n"] } })
          )
        })
      )
      const list = [
        loaded((event) => (event.properties["n"] === 2 ? Transformation.drop("two") : Transformation.unchanged)),
        asking,
        loaded((event) => Transformation.keep({ properties: { ...event.properties, seen: event.properties["asked"] } }))
      ]
      const items = [1, 2, 3].map((n) => ({ loaded: list, event: anEvent({ properties: { n } }) }))
      const plain = { loaded: [], event: anEvent({ properties: { n: 4 } }) }
      const results = yield* Runner.runBatch([...items, plain], new Runner.Tally())
      const seen = results.map((result) => (result._tag === "Kept" ? result.event.properties["seen"] : "dropped"))
      assert.deepStrictEqual(seen, [1, "dropped", 3, undefined])
      assert.strictEqual(calls, 1)
    })
  )

  it.effect("R19: an effect that does not answer, dies or answers too little leaves the events as they were", () =>
    Effect.gen(function* () {
      const bad = [
        batchOf(() => Effect.never),
        batchOf(() => Effect.die(new Error("bug"))),
        batchOf(() => Effect.succeed([])),
        batchOf(() => {
          throw new Error("bug")
        })
      ]
      const tally = new Runner.Tally()
      const event = anEvent()
      const fiber = yield* Effect.forkChild(
        Runner.runBatch(
          bad.map((one) => ({ loaded: [one], event })),
          tally
        )
      )
      yield* TestClock.adjust("550 millis")
      const results = yield* Fiber.join(fiber)
      for (const result of results) assert.deepStrictEqual(result, { _tag: "Kept", event })
      assert.deepStrictEqual(
        tally.metrics().map(({ count, name }) => [name, count]),
        bad.map(() => ["failed", 1])
      )
      assert.strictEqual(tally.failures.length, bad.length)
    })
  )

  it.effect("an effect whose filter matches no event is not run", () =>
    Effect.gen(function* () {
      const asking = batchOf(() => Effect.die(new Error("not asked")), { filters: { events: [{ id: "signup" }] } })
      const tally = new Runner.Tally()
      yield* Runner.runBatch([{ loaded: [asking], event: anEvent() }], tally)
      assert.deepStrictEqual(
        tally.metrics().map(({ name }) => name),
        ["filtered"]
      )
    })
  )
})

describe("filters of transformations", () => {
  it("see the event only", () => {
    const persons = Filter.parse({ properties: [{ key: "email", type: "person", value: "a" }] }, "transformation")
    assert.isTrue(Result.isFailure(persons))
  })
})
