/** Random histories: where batches are cut, and what is delivered again, changes nothing (spec worker 9, P27, P29, P34, P37, P41). */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import {
  Draft,
  essenceOf,
  fatesOf,
  messageOf,
  outcomesOf,
  stateOf,
  warningsOf,
  withPoison
} from "../support/Histories.ts"
import * as World from "../support/IngestWorld.ts"

const Cut = Schema.Struct({
  size: Schema.Literals([1, 2, 3, 5]),
  /** So many of the last messages are delivered once more, to a worker that knows nothing, in batches of `cut`. */
  again: Schema.Literals([0, 0, 1, 2, 4]),
  cut: Schema.Literals([1, 2, 4])
})

const world = World.make({
  projects: [World.aProject(), World.aProject({ id: 2, apiToken: "phc_2" })],
  stages: withPoison
})

interface Batch {
  readonly size: number
  readonly again: number
  readonly cut: number
}

/** Takes a history through ingestion, in the batches given, repeated as often as need be. */
const play = (history: ReadonlyArray<Draft>, cuts: ReadonlyArray<Batch>) =>
  Effect.gen(function* () {
    const self = yield* world
    const records = history.length === 0 ? [] : yield* self.append(history.map(messageOf))
    const runs: Array<World.Ran> = []
    let consumed = 0
    for (let from = 0, n = 0; from < records.length; n++) {
      const { again, cut, size } = cuts[n % cuts.length] ?? { size: 1, again: 0, cut: 1 }
      const to = Math.min(from + size, records.length)
      runs.push(yield* self.deliver(records.slice(from, to)))
      consumed += to - from
      const late = self.worker()
      for (let at = Math.max(0, to - again); at < to && again > 0; at += cut) {
        const some = records.slice(at, Math.min(at + cut, to))
        runs.push(yield* self.deliver(some, late))
        consumed += some.length
      }
      from = to
    }
    return { self, runs, consumed }
  })

const once = (cuts: ReadonlyArray<Batch>): ReadonlyArray<Batch> => cuts.map((cut) => ({ ...cut, again: 0 }))

describe("a history", () => {
  const input = {
    history: Arbitrary.array(Arbitrary.schema(Draft), { maxLength: 12 }),
    cuts: Arbitrary.array(Arbitrary.schema(Cut), { minLength: 1, maxLength: 6 })
  }
  const options = { arbitrary: { runs: 150 } }

  it.effect.prop(
    "P34: taken in batches ends as if its messages had come one at a time",
    input,
    ({ cuts, history }) =>
      Effect.gen(function* () {
        const single = yield* play(history, [])
        const batched = yield* play(history, once(cuts))
        assert.deepStrictEqual(essenceOf(batched.self), essenceOf(single.self))
        assert.deepStrictEqual(fatesOf(batched.runs), fatesOf(single.runs))
        assert.deepStrictEqual(warningsOf(batched.runs), warningsOf(single.runs))
      }),
    options
  )

  it.effect.prop(
    "P37, P41: of which parts are delivered again ends as if each had come once",
    input,
    ({ cuts, history }) =>
      Effect.gen(function* () {
        const calm = yield* play(history, once(cuts))
        const rough = yield* play(history, cuts)
        assert.deepStrictEqual(stateOf(rough.self), stateOf(calm.self))
        const told = (runs: ReadonlyArray<World.Ran>) => runs.flatMap((ran) => ran.told)
        assert.deepStrictEqual(told(rough.runs), told(calm.runs))
        assert.deepStrictEqual(fatesOf(rough.runs), fatesOf(calm.runs))
      }),
    options
  )

  it.effect.prop(
    "P27, P29: gives every message one outcome a delivery, and each accepted event a row",
    input,
    ({ cuts, history }) =>
      Effect.gen(function* () {
        const { consumed, runs, self } = yield* play(history, cuts)
        assert.strictEqual(outcomesOf(runs), consumed)
        const fates = fatesOf(runs)
        const dropped = history.filter(({ kind }) => kind === "nobody").length
        assert.strictEqual(fates.length, history.length - dropped)
        // P2, P4: everybody has an id, and every id leads to somebody.
        for (const { person, team } of self.tables.mappings.values()) {
          assert.isTrue(self.tables.persons.has(`${team}:${person}`))
        }
        const owners = new Set([...self.tables.mappings.values()].map(({ person, team }) => `${team}:${person}`))
        assert.strictEqual(owners.size, self.tables.persons.size)
      }),
    options
  )
})
