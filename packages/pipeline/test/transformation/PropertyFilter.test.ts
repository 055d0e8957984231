import { assert, describe, it } from "@effect/vitest"
import * as HogFunction from "@tributary/domain/function/HogFunction"
import * as Inputs from "@tributary/domain/function/Inputs"
import * as GeoIpService from "@tributary/pipeline/service/GeoIp"
import * as GeoIp from "@tributary/pipeline/transformation/GeoIp"
import * as PropertyFilter from "@tributary/pipeline/transformation/PropertyFilter"
import * as Runner from "@tributary/pipeline/transformation/Runner"
import type * as Transformation from "@tributary/pipeline/transformation/Transformation"
import { Effect, Result } from "effect"
import { places } from "../contract/GeoIp.ts"
import { anEvent, aRow } from "./fixtures.ts"

const load = (transformation: Transformation.Transformation, inputs: unknown) => {
  const decoded = Result.getOrThrow(HogFunction.decode(aRow({ inputs }), {}))
  const program = transformation.load(decoded.targets[0]?.inputs ?? Inputs.none, { id: 1, url: "" })
  return Result.map(program, (loaded) => ({ function: decoded, program: loaded }))
}

const nulling = (list: unknown) => load(PropertyFilter.nulling, { propertiesToFilter: { value: list } })
const removing = (list: unknown) => load(PropertyFilter.removing, { properties: { value: list } })

const run = (list: ReadonlyArray<Runner.LoadedTransformation>, properties: Record<string, unknown>) => {
  const tally = new Runner.Tally()
  const event = anEvent({ properties, ip: typeof properties["$ip"] === "string" ? properties["$ip"] : null })
  const result = Runner.run(list, event, tally)
  if (result._tag === "Dropped") return assert.fail("dropped")
  return { event: result.event, before: event, metrics: tally.metrics().map(({ name }) => name) }
}

const P = {
  $ip: "1",
  $set: { email: "e", n: 1 },
  $set_once: { email: "q" },
  email: "z",
  a: { b: { c: 1, d: 2 } },
  x: "str"
}

describe("the property filter", () => {
  it("P1: sets to null what is at the listed paths, and touches nothing else", () => {
    const { event } = run([Result.getOrThrow(nulling("$ip, $set.email, a.b.c, missing, x.y"))], P)
    assert.deepStrictEqual(event.properties, {
      $ip: null,
      $set: { email: null, n: 1 },
      $set_once: { email: "q" },
      email: "z",
      a: { b: { c: null, d: 2 } },
      x: "str"
    })
    assert.isNull(event.ip)
  })

  it("P2: in the other mode removes the keys", () => {
    const { event } = run([Result.getOrThrow(removing("$ip,$set.email"))], P)
    assert.deepStrictEqual(event.properties, {
      $set: { n: 1 },
      $set_once: { email: "q" },
      email: "z",
      a: { b: { c: 1, d: 2 } },
      x: "str"
    })
    assert.isNull(event.ip)
  })

  it("does not trim in the older mode", () => {
    const { event } = run([Result.getOrThrow(removing("a, b"))], { a: 1, b: 2, " b": 3 })
    assert.deepStrictEqual(event.properties, { b: 2 })
  })

  it("P3: a key with a dot in its name cannot be reached", () => {
    const { event } = run([Result.getOrThrow(nulling("a.b"))], { "a.b": 1, a: { b: 2 } })
    assert.deepStrictEqual(event.properties, { "a.b": 1, a: { b: null } })
  })

  it("P4: null on the way is a path that is not there", () => {
    const { before, event, metrics } = run([Result.getOrThrow(nulling("a.b"))], { a: null })
    assert.strictEqual(event, before)
    assert.deepStrictEqual(metrics, ["succeeded"])
  })

  it("P5: an empty list, or an event without properties, changes nothing", () => {
    const empty = run([Result.getOrThrow(nulling(" , ,"))], P)
    assert.strictEqual(empty.event, empty.before)
    const bare = run([Result.getOrThrow(nulling("a"))], {})
    assert.strictEqual(bare.event, bare.before)
  })

  it("P6: elements of lists cannot be reached", () => {
    const list = run([Result.getOrThrow(nulling("arr.0"))], { arr: [{ a: 1 }] })
    assert.strictEqual(list.event, list.before)
  })

  it("reaches a key named __proto__ as any other, and touches no prototype", () => {
    const properties = JSON.parse('{"__proto__":{"a":1},"b":2}')
    const { event } = run([Result.getOrThrow(nulling("__proto__.a, constructor.name"))], properties)
    assert.strictEqual(JSON.stringify(event.properties), '{"__proto__":{"a":null},"b":2}')
    assert.strictEqual(Object.getPrototypeOf(event.properties), Object.prototype)
  })

  it("without its list the row is refused", () => {
    assert.isTrue(Result.isFailure(load(PropertyFilter.nulling, {})))
    assert.isTrue(Result.isFailure(nulling(null)))
    assert.isTrue(Result.isFailure(nulling(5)))
  })

  it.effect("P7: takes $ip before GeoIP, so nothing is enriched, or after it", () =>
    Effect.gen(function* () {
      const [geoIp] = yield* GeoIp.make({ loopback: undefined })
      if (geoIp === undefined) return assert.fail("no GeoIP")
      const locating = Result.getOrThrow(load(geoIp, {}))
      const hiding = Result.getOrThrow(nulling("$ip"))
      const before = run([hiding, locating], { $ip: "81.2.69.142" })
      assert.deepStrictEqual(before.event.properties, { $ip: null })
      const after = run([locating, hiding], { $ip: "81.2.69.142" })
      assert.deepInclude(after.event.properties, { $ip: null, $geoip_city_name: "London" })
    }).pipe(Effect.provide(GeoIpService.GeoIp.layerMemory(places)))
  )

  it.effect("G7, G8: 127.0.0.1 stands for another address only where the settings say so", () =>
    Effect.gen(function* () {
      const [on] = yield* GeoIp.make({ loopback: "89.160.20.129" })
      const [off] = yield* GeoIp.make({ loopback: undefined })
      if (on === undefined || off === undefined) return assert.fail("no GeoIP")
      const located = run([Result.getOrThrow(load(on, {}))], { $ip: "127.0.0.1" })
      assert.deepInclude(located.event.properties, { $ip: "127.0.0.1", $geoip_city_name: "Linköping" })
      const left = run([Result.getOrThrow(load(off, {}))], { $ip: "127.0.0.1" })
      assert.strictEqual(left.event, left.before)
    }).pipe(Effect.provide(GeoIpService.GeoIp.layerMemory(places)))
  )
})
