/** What becomes of properties on their way: the cases B of spec worker 8.2, heatmaps, and transformations. */
import { assert, describe, it } from "@effect/vitest"
import type { Properties } from "@tributary/domain/event/Properties"
import * as Transformation from "@tributary/pipeline/transformation/Transformation"
import { Effect } from "effect"
import * as World from "../support/IngestWorld.ts"
import { E, GI, I, message, type Options, T0 } from "../support/Message.ts"
import { aRow } from "../transformation/fixtures.ts"

const { aProject } = World

/** Properties of the event as it is stored, and of its person. */
const lifted = (properties: Properties, options: Options & { readonly event?: string } = {}) =>
  Effect.gen(function* () {
    const world = yield* World.make()
    const ran = yield* world.run(message(options.event ?? "custom", "u", properties, options))
    const { $ip: _, ...stored } = ran.events[0]?.properties ?? {}
    return { stored, person: world.propertiesOf("u"), shown: ran.events[0]?.personProperties }
  })

describe("lifting", () => {
  it.effect("B01: a property of the lift set is the person's, and its first value in $initial_…", () =>
    Effect.gen(function* () {
      const { person, stored } = yield* lifted({ $current_url: "U1" })
      assert.deepStrictEqual(stored["$set"], { $current_url: "U1" })
      assert.deepStrictEqual(stored["$set_once"], { $initial_current_url: "U1" })
      assert.deepStrictEqual(person, { $current_url: "U1", $initial_current_url: "U1" })
    })
  )

  it.effect("B02, B03: what the client sets itself goes before it", () =>
    Effect.gen(function* () {
      const own = yield* lifted({ $current_url: "U1", $set: { $current_url: "U2" } })
      assert.deepStrictEqual(own.person, { $current_url: "U2", $initial_current_url: "U1" })
      const once = yield* lifted({ $current_url: "U1", $set_once: { $initial_current_url: "U0" } })
      assert.deepStrictEqual(once.person, { $current_url: "U1", $initial_current_url: "U0" })
    })
  )

  it.effect("B04: campaign properties are lifted under their own names", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* lifted({ utm_source: "x" })).person, { utm_source: "x", $initial_utm_source: "x" })
    })
  )

  it.effect("B05, B06: what stands beside the properties goes before what stands in them", () =>
    Effect.gen(function* () {
      const set = yield* lifted({ $set: { q: 9, r: 3 } }, { data: { $set: { p: 1, q: 2 } } })
      assert.deepStrictEqual(set.stored["$set"], { q: 2, r: 3, p: 1 })
      const once = yield* lifted({ $set_once: { p: 9 } }, { data: { $set_once: { p: 1 } } })
      assert.deepStrictEqual(once.stored["$set_once"], { p: 1 })
    })
  )

  it.effect("B07, B08: $os_name stands for $os where there is none", () =>
    Effect.gen(function* () {
      const alias = yield* lifted({ $os_name: "Linux" })
      assert.strictEqual(alias.stored["$os"], "Linux")
      assert.deepStrictEqual(alias.stored["$set"], { $os: "Linux" })
      assert.deepStrictEqual(alias.stored["$set_once"], { $initial_os: "Linux" })
      const both = yield* lifted({ $os: "Mac", $os_name: "Linux" })
      assert.strictEqual(both.person?.["$os"], "Mac")
    })
  )

  it.effect("B09, B10: a server's system is not its person's", () =>
    Effect.gen(function* () {
      const named = yield* lifted({ $is_server: true, $os_name: "Linux" })
      assert.deepStrictEqual(named.stored["$set"], { $os_name: "Linux" })
      assert.deepStrictEqual(named.stored["$set_once"], { $initial_os_name: "Linux" })
      assert.isFalse(Object.hasOwn(named.stored, "$os"))
      const plain = yield* lifted({ $is_server: true, $os: "Linux", $os_version: "5" })
      assert.deepStrictEqual(plain.person, {})
    })
  )

  it.effect("B11: nothing is made of nothing", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* lifted({ a: 1 })).stored, { a: 1 })
    })
  )

  it.effect("B12: null is a value", () =>
    Effect.gen(function* () {
      const { person, stored } = yield* lifted({ $browser: null })
      assert.deepStrictEqual([stored["$set"], stored["$set_once"]], [{ $browser: null }, { $initial_browser: null }])
      assert.strictEqual(person?.["$browser"], null)
    })
  )

  it.effect("B13: of a $snapshot nothing is lifted", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* lifted({ $current_url: "U" }, { event: "$snapshot" })).stored, {
        $current_url: "U"
      })
    })
  )

  it.effect("B14: a $set that is a text has no properties, whether or not something is lifted", () =>
    Effect.gen(function* () {
      const some = yield* lifted({ $set: "abc", $browser: "X" })
      assert.deepStrictEqual(some.stored["$set"], { $browser: "X" })
      assert.deepStrictEqual(some.shown, { $browser: "X", $initial_browser: "X" })
      for (const $set of ["abc", ["a"], 5]) {
        const none = yield* lifted({ $set, $set_once: $set })
        assert.deepStrictEqual([none.person, none.shown], [{}, {}])
      }
    })
  )

  it.effect("B15: a survey that is shown leaves its time on the person, unless the client did", () =>
    Effect.gen(function* () {
      const shown = yield* lifted({}, { event: "survey shown" })
      assert.deepStrictEqual(shown.person, { $survey_last_seen_date: "2024-05-01T10:00:00.000Z" })
      const own = yield* lifted({ $set: { $survey_last_seen_date: "x" } }, { event: "survey shown" })
      assert.deepStrictEqual(own.person, { $survey_last_seen_date: "x" })
    })
  )

  it.effect("B17: events of any name lift alike", () =>
    Effect.gen(function* () {
      const [view, click] = [
        yield* lifted({ $referrer: "R" }, { event: "$pageview" }),
        yield* lifted({ $referrer: "R" }, { event: "clicked" })
      ]
      assert.deepStrictEqual(view, click)
      assert.deepStrictEqual(click.person, { $referrer: "R", $initial_referrer: "R" })
    })
  )

  it.effect("B18: $unset beside and in the properties are joined; what is neither list nor object is ignored", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      yield* world.run(E("u", { set: { a: 1, b: 1, c: 1, d: 1 } }))
      const both = yield* world.run(E("u", { unset: ["b", "a"] }, { data: { $unset: ["a", "c", 7] } }))
      assert.deepStrictEqual(both.events[0]?.properties["$unset"], ["b", "a", "c"])
      assert.deepStrictEqual(world.propertiesOf("u"), { d: 1 })
      yield* world.run(E("u", {}, { data: { $unset: { d: 1 } } }))
      assert.deepStrictEqual(world.propertiesOf("u"), {})
      const ignored = yield* world.run(E("u", {}, { data: { $unset: null } }), E("u", {}, { data: { $unset: "a" } }))
      assert.strictEqual(ignored.events.length, 2)
    })
  )

  it.effect("neither a personless event nor a $groupidentify keeps what was lifted", () =>
    Effect.gen(function* () {
      const world = yield* World.make()
      const ran = yield* world.run(
        GI("org", "acme", {}, { $browser: "X" }),
        E("u", { $browser: "X", $process_person_profile: false })
      )
      for (const { properties } of ran.events) {
        assert.isFalse(Object.hasOwn(properties, "$set") || Object.hasOwn(properties, "$set_once"))
      }
      assert.deepStrictEqual(world.propertiesOf("u"), {})
    })
  )
})

type Run = (event: Transformation.TransformationEvent) => Transformation.Outcome

const transforming = (runs: Readonly<Record<string, Run>>, options: World.Options = {}) =>
  Effect.gen(function* () {
    const transformations = Object.entries(runs).map(([id, run]) =>
      Transformation.make({ id, name: id, inputs: Transformation.noInputs, run })
    )
    const world = yield* World.make({ ...options, transformations })
    for (const [index, templateId] of Object.keys(runs).entries()) {
      const id = `f${index}`
      world.functions.set(id, aRow({ id, name: `the ${id}`, templateId, executionOrder: index }))
    }
    return world
  })

describe("transformations", () => {
  it.effect("B16: GeoIP sees the address of a project that anonymises, and the person gets the place", () =>
    Effect.gen(function* () {
      const world = yield* World.make({
        projects: [aProject({ anonymizeIps: true })],
        places: new Map([["1.2.3.4", { countryName: "Norway", countryCode: "NO", subdivisions: [] }]])
      })
      world.functions.set("geo", aRow({ id: "geo" }))
      const ran = yield* world.run(E("u", {}, { ip: "1.2.3.4" }))
      assert.strictEqual(world.propertiesOf("u")?.["$geoip_country_name"], "Norway")
      assert.strictEqual(ran.events[0]?.properties["$geoip_country_code"], "NO")
      assert.isFalse(Object.hasOwn(ran.events[0]?.properties ?? {}, "$ip"))
      assert.deepStrictEqual(
        ran.metrics.map(({ app_source, app_source_id, count, metric_kind, metric_name }) => [
          app_source,
          app_source_id,
          metric_kind,
          metric_name,
          count
        ]),
        [["hog_function", "geo", "success", "succeeded", 1]]
      )
    })
  )

  it.effect("what they leave is lifted, cleaned and cut like what a client sent", () =>
    Effect.gen(function* () {
      const world = yield* transforming({
        rename: (event) =>
          Transformation.keep({
            event: `n\u0000${"x".repeat(250)}`,
            distinctId: "d\uD83D",
            properties: { ...event.properties, $browser: "B\u0000" }
          })
      })
      const ran = yield* world.run(E("u"))
      assert.strictEqual(ran.events[0]?.event, `n\uFFFD${"x".repeat(198)}`)
      assert.deepStrictEqual(world.propertiesOf("d\uFFFD"), { $browser: "B\uFFFD", $initial_browser: "B\uFFFD" })
    })
  )

  it.effect("one that drops says so in a warning, and later ones do not see the event", () =>
    Effect.gen(function* () {
      const world = yield* transforming({
        bots: (event) => (event.event === "bot" ? Transformation.drop("a bot") : Transformation.unchanged),
        mark: (event) => Transformation.keep({ properties: { ...event.properties, marked: true } })
      })
      const ran = yield* world.run(message("bot", "u"), message("human", "v"))
      assert.deepStrictEqual(
        ran.events.map(({ event, properties }) => [event, properties["marked"]]),
        [["human", true]]
      )
      assert.deepStrictEqual(ran.outcomes, ["dropped event_dropped_by_transformation 1", "stored 1"])
      const [warning] = ran.warnings
      assert.strictEqual(warning?.type, "event_dropped_by_transformation")
      assert.deepInclude(warning?.details, { transformationId: "f0", transformationName: "the f0", distinctId: "u" })
      assert.isUndefined(world.person("u"))
    })
  )

  it.effect("one that fails leaves the event as it was, and a line for the project's owner", () =>
    Effect.gen(function* () {
      const world = yield* transforming({
        broken: () => {
          throw new Error("no such key")
        }
      })
      const ran = yield* world.run(E("u", { a: 1 }))
      assert.strictEqual(ran.events[0]?.properties["a"], 1)
      assert.strictEqual(ran.logs.length, 1)
      assert.deepInclude(ran.logs[0], { team_id: 1, log_source: "hog_function", log_source_id: "f0", level: "error" })
      assert.include(String(ran.logs[0]?.["message"]), "no such key")
    })
  )

  it.effect("an event that may touch nobody does not through a transformation", () =>
    Effect.gen(function* () {
      const world = yield* transforming({
        merging: (event) =>
          Transformation.keep({
            event: "$identify",
            properties: {
              ...event.properties,
              $anon_distinct_id: "anon",
              $set: { a: 1 },
              $process_person_profile: true
            }
          })
      })
      const ran = yield* world.run(E("u", { $process_person_profile: false }))
      assert.strictEqual(ran.events[0]?.mode, "propertyless")
      assert.isFalse(Object.hasOwn(ran.events[0]?.properties ?? {}, "$set"))
      assert.strictEqual(world.tables.persons.size, 0)
    })
  )

  it.effect("a partner that is not legal as sent stays illegal where a transformation changes something else", () =>
    Effect.gen(function* () {
      const world = yield* transforming({
        mark: (event) => Transformation.keep({ properties: { ...event.properties, marked: true } })
      })
      const ran = yield* world.run(I("alice", "a\u0000"))
      assert.deepStrictEqual(
        ran.warnings.map(({ type }) => type),
        ["cannot_merge_with_illegal_distinct_id"]
      )
      assert.deepStrictEqual([...world.tables.mappings.keys()], ["1:alice"])
    })
  )
})

describe("heatmaps", () => {
  const data = {
    $heatmap_data: { "https://x.y/": [{ x: 160, y: 32, type: "click", target_fixed: false }] },
    $viewport_width: 1600,
    $viewport_height: 800,
    $session_id: "s"
  }

  it.effect("points go to their topic, and the event keeps everything else", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [aProject({ heatmapsOptIn: true })] })
      const ran = yield* world.run(E("u", data))
      assert.strictEqual(ran.heatmaps.length, 1)
      assert.deepInclude(ran.heatmaps[0], {
        x: 10,
        y: 2,
        viewport_width: 100,
        current_url: "https://x.y/",
        scale_factor: 16
      })
      assert.isFalse(Object.hasOwn(ran.events[0]?.properties ?? {}, "$heatmap_data"))
    })
  )

  it.effect("a $$heatmap makes points alone, and nothing where the project has not asked for them", () =>
    Effect.gen(function* () {
      const projects = [aProject({ heatmapsOptIn: true }), aProject({ id: 2, apiToken: "phc_2" })]
      const world = yield* World.make({ projects })
      const ran = yield* world.run(message("$$heatmap", "u", data), message("$$heatmap", "u", data, { token: "phc_2" }))
      assert.deepStrictEqual([ran.events.length, ran.heatmaps.length, world.tables.persons.size], [0, 1, 0])
      assert.deepStrictEqual(ran.outcomes, ["dropped heatmap 2"])
      assert.strictEqual(ran.heatmaps[0]?.["timestamp"], "2024-05-01 10:00:00.000")
      assert.strictEqual(T0, Date.parse("2024-05-01T10:00:00Z"))
    })
  )

  it.effect("points of nobody, or of no viewport, are refused by name", () =>
    Effect.gen(function* () {
      const world = yield* World.make({ projects: [aProject({ heatmapsOptIn: true })] })
      const { $viewport_width: _, ...unsized } = data
      const ran = yield* world.run(message("$$heatmap", "anonymous", data), message("$$heatmap", "u", unsized))
      assert.deepStrictEqual(ran.outcomes, [
        "dropped heatmap_invalid_distinct_id 1",
        "dropped heatmap_invalid_viewport_dimensions 1"
      ])
    })
  )
})
