import { assert, describe, it } from "@effect/vitest"
import * as Lift from "@tributary/domain/event/Lift"
import { isProperties, objectAt, type Properties } from "@tributary/domain/event/Properties"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"

describe("lift", () => {
  const cases: ReadonlyArray<readonly [name: string, properties: Properties, added: Properties]> = [
    ["B01", { $current_url: "U1" }, { $set: { $current_url: "U1" }, $set_once: { $initial_current_url: "U1" } }],
    [
      "B02",
      { $current_url: "U1", $set: { $current_url: "U2" } },
      { $set: { $current_url: "U2" }, $set_once: { $initial_current_url: "U1" } }
    ],
    [
      "B03",
      { $current_url: "U1", $set_once: { $initial_current_url: "U0" } },
      { $set: { $current_url: "U1" }, $set_once: { $initial_current_url: "U0" } }
    ],
    ["B04", { utm_source: "x" }, { $set: { utm_source: "x" }, $set_once: { $initial_utm_source: "x" } }],
    ["B07", { $os_name: "Linux" }, { $os: "Linux", $set: { $os: "Linux" }, $set_once: { $initial_os: "Linux" } }],
    [
      "B07, sent by the client as well",
      { $os_name: "Linux", $set: { $os_name: "L" }, $set_once: { $initial_os_name: "L", $initial_os: "BeOS" } },
      { $os: "Linux", $set: { $os: "Linux" }, $set_once: { $initial_os: "BeOS" } }
    ],
    ["B08", { $os: "Mac", $os_name: "Linux" }, { $set: { $os: "Mac" }, $set_once: { $initial_os: "Mac" } }],
    [
      "B08, the other way round",
      { $os_name: "Linux", $os: "Mac" },
      { $set: { $os: "Mac" }, $set_once: { $initial_os: "Mac" } }
    ],
    [
      "B09",
      { $is_server: true, $os_name: "Linux" },
      { $set: { $os_name: "Linux" }, $set_once: { $initial_os_name: "Linux" } }
    ],
    ["B10", { $is_server: true, $os: "Linux", $os_version: 5 }, {}],
    ["B11", { a: 1 }, {}],
    ["B11, with a $set", { a: 1, $set: { b: 1 } }, {}],
    ["B12", { $browser: null }, { $set: { $browser: null }, $set_once: { $initial_browser: null } }],
    ["B14", { $set: "abc", $browser: "X" }, { $set: { $browser: "X" }, $set_once: { $initial_browser: "X" } }],
    ["B17", { $referrer: "r" }, { $set: { $referrer: "r" }, $set_once: { $initial_referrer: "r" } }]
  ]
  for (const [name, properties, added] of cases)
    it(`fills $set and $set_once as in case ${name}`, () => {
      const lifted = Lift.lift("clicked", properties)
      assert.deepStrictEqual(lifted, { ...properties, ...added })
      if (Object.keys(added).length === 0) assert.strictEqual(lifted, properties)
    })

  it("leaves $snapshot and $performance_event alone (B13)", () => {
    for (const event of ["$snapshot", "$performance_event"]) {
      const properties = { $current_url: "U1" }
      assert.strictEqual(Lift.lift(event, properties), properties)
    }
  })

  it("knows 44 properties", () => assert.strictEqual(Lift.liftSet.length, 44))

  const names = Schema.Literals([
    "$os",
    "$os_name",
    "$is_server",
    "$browser",
    "utm_source",
    "a",
    "__proto__",
    "$set_once"
  ])
  const setNames = Schema.Literals(["$os", "$os_name", "$browser", "$initial_os", "b", "__proto__", "toString"])
  const values = Schema.Union([Schema.Literals([true, "x", 0]), Schema.Null, Schema.Json])
  const pairs = Arbitrary.schema(Schema.Array(Schema.Tuple([names, values])))
  const set = Arbitrary.schema(Schema.Array(Schema.Tuple([setNames, values])))

  it.prop("is idempotent and conservative (P35)", [pairs, set], ([own, sent]) => {
    const properties: Properties = Object.fromEntries([...own, ["$set", Object.fromEntries(sent)]])
    const once = Lift.lift("e", properties)
    assert.deepStrictEqual(Lift.lift("e", once), once)
    for (const at of ["$set", "$set_once"]) {
      const before = objectAt(properties, at)
      const after = objectAt(once, at)
      for (const name of Object.keys(before)) {
        if (name === "$os_name" || name === "$initial_os_name") continue
        assert.isTrue(Object.hasOwn(after, name), name)
        assert.strictEqual(after[name], before[name])
      }
    }
    for (const name of Object.keys(properties)) {
      if (name !== "$set" && name !== "$set_once") assert.strictEqual(once[name], properties[name])
    }
    assert.isTrue(once === properties || (isProperties(once["$set"]) && isProperties(once["$set_once"])))
  })
})

describe("surveyShown", () => {
  it("tells the person when, unless the client did (B15)", () => {
    const at = "2024-05-01T10:00:00Z"
    assert.deepStrictEqual(Lift.surveyShown("survey shown", { $set: { a: 1 } }, at), {
      $set: { a: 1, $survey_last_seen_date: at }
    })
    const given = { $set: { $survey_last_seen_date: "before" } }
    assert.strictEqual(Lift.surveyShown("survey shown", given, at), given)
    assert.strictEqual(Lift.surveyShown("survey sent", {}, at)["$set"], undefined)
  })
})
