/** What every layer of `FunctionStore` promises. The clock is virtual. */
import { assert, layer } from "@effect/vitest"
import type { Row } from "@tributary/domain/function/HogFunction"
import * as Inputs from "@tributary/domain/function/Inputs"
import { FunctionStore } from "@tributary/pipeline/service/FunctionStore"
import { Context, Effect, type Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { aRow } from "../transformation/fixtures.ts"

/** The operator: writes rows behind the store's back. */
export class Functions extends Context.Service<
  Functions,
  {
    /** Inserts an enabled row, or replaces the one with that id. */
    readonly put: (row: Row) => Effect.Effect<void>
    /** Disables or deletes it. */
    readonly take: (id: string) => Effect.Effect<void>
  }
>()("@tributary/test/Functions") {}

const of = (team: number) =>
  Effect.gen(function* () {
    const store = yield* FunctionStore
    return (yield* store.forTeams(new Set([team]))).get(team)
  })
const put = (row: Row) => Functions.use((functions) => functions.put(row))

const withLog = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return Effect.map(Effect.provide(effect, Logger.layer([logger])), (value) => ({ value, lines }))
  })

export const functionStoreContract = <E>(
  name: string,
  /** With the GeoIP of `contract/GeoIp` and the site https://eu.example. */
  implementation: Layer.Layer<FunctionStore | Functions, E>
) =>
  layer(implementation)(`FunctionStore: ${name}`, (it) => {
    it.effect("a team without rows is not in the answer", () =>
      Effect.gen(function* () {
        const store = yield* FunctionStore
        assert.strictEqual((yield* store.forTeams(new Set([900, 901]))).size, 0)
        assert.strictEqual((yield* store.forTeams(new Set())).size, 0)
      })
    )

    it.effect("transformations and destinations come apart, in their order, each team its own", () =>
      Effect.gen(function* () {
        const geo = aRow({ team: 11, name: "geo", executionOrder: 2 })
        const first = aRow({
          team: 11,
          name: "first",
          executionOrder: 1,
          templateId: "template-filter-properties",
          inputs: { propertiesToFilter: { value: "email" } }
        })
        const hook = aRow({
          team: 11,
          type: "destination",
          name: "hook",
          templateId: "template-webhook",
          inputs: { url: { value: "https://x.io/{event.event}" } }
        })
        yield* Effect.forEach([geo, first, hook, aRow({ team: 12 })], put)
        const functions = yield* of(11)
        assert.deepStrictEqual(
          functions?.transformations.map((one) => one.function.name),
          ["first", "geo"]
        )
        assert.deepStrictEqual(
          functions?.destinations.map((one) => one.function.name),
          ["hook"]
        )
        const inputs = functions?.destinations[0]?.function.targets[0]?.inputs ?? Inputs.none
        assert.deepInclude(Inputs.resolve(inputs, { event: { event: "e" } }), { url: "https://x.io/e", method: "POST" })
        assert.strictEqual((yield* of(12))?.transformations.length, 1)
      })
    )

    it.effect("R25: a row that is not understood is refused with one line, once, and the others run", () =>
      Effect.gen(function* () {
        const bad = [
          aRow({ team: 21, templateId: "template-of-tomorrow" }),
          aRow({ team: 21, filters: { actions: [{ id: 1 }] } }),
          aRow({ team: 21, type: "destination", templateId: "template-webhook", inputs: {} }),
          aRow({ team: 21, templateId: "template-filter-properties", inputs: { propertiesToFilter: { value: 5 } } })
        ]
        yield* Effect.forEach([...bad, aRow({ team: 21, name: "good" })], put)
        const { lines, value } = yield* withLog(of(21))
        assert.deepStrictEqual(
          value?.transformations.map((one) => one.function.name),
          ["good"]
        )
        assert.deepStrictEqual(value?.destinations, [])
        assert.strictEqual(lines.length, bad.length)
        for (const { id } of bad) {
          assert.strictEqual(lines.filter((line) => line.includes(id) && line.includes("project 21")).length, 1)
        }
        yield* TestClock.adjust("3 minutes")
        assert.deepStrictEqual((yield* withLog(of(21))).lines, [])
      })
    )

    it.effect("a row that was refused is read again when it has changed", () =>
      Effect.gen(function* () {
        const row = aRow({ team: 22, templateId: "template-geoop" })
        yield* put(row)
        assert.isUndefined(yield* of(22))
        yield* put({ ...row, templateId: "template-geoip" })
        yield* TestClock.adjust("150 seconds")
        assert.strictEqual((yield* of(22))?.transformations.length, 1)
      })
    )

    it.effect("R23: a row that is disabled or deleted is gone after two and a half minutes", () =>
      Effect.gen(function* () {
        const row = aRow({ team: 31 })
        yield* put(row)
        assert.isDefined(yield* of(31))
        yield* Functions.use((functions) => functions.take(row.id))
        yield* TestClock.adjust("150 seconds")
        assert.isUndefined(yield* of(31))
      })
    )

    it.effect("a first row is effective after 10 s", () =>
      Effect.gen(function* () {
        assert.isUndefined(yield* of(32))
        yield* put(aRow({ team: 32 }))
        yield* TestClock.adjust("10 seconds")
        assert.isDefined(yield* of(32))
      })
    )

    it.effect("R26: GeoIP is inserted once for a team, and not where there is one under its older name", () =>
      Effect.gen(function* () {
        const store = yield* FunctionStore
        yield* store.ensureGeoIpFunction(41)
        yield* store.ensureGeoIpFunction(41)
        const functions = yield* of(41)
        assert.strictEqual(functions?.transformations.length, 1)
        assert.deepInclude(functions?.transformations[0]?.function, { templateId: "template-geoip", executionOrder: 1 })
        yield* put(aRow({ team: 42, templateId: "plugin-posthog-plugin-geoip" }))
        yield* store.ensureGeoIpFunction(42)
        assert.strictEqual((yield* of(42))?.transformations.length, 1)
      })
    )
  })
