import { assert, describe, it } from "@effect/vitest"
import * as Heatmap from "@tributary/domain/event/Heatmap"
import type { Properties } from "@tributary/domain/event/Properties"
import * as Schema from "effect/Schema"

const subject = { team: 1, uuid: "u", event: "$$heatmap", distinctId: "d" }
const frame = { $viewport_width: 1024, $viewport_height: 768, $session_id: "s" }
const click = { x: 100, y: 40, type: "click", target_fixed: true }
const extract = (properties: Properties, distinctId = "d") => Heatmap.extract({ ...subject, distinctId }, properties)

describe("extract", () => {
  it("scales points by 16 and rounds", () => {
    assert.deepStrictEqual(extract({ ...frame, $heatmap_data: { "https://a/b": [click] } }), {
      points: [
        {
          type: "click",
          x: 6,
          y: 3,
          targetFixed: true,
          viewportWidth: 64,
          viewportHeight: 48,
          url: "https://a/b",
          sessionId: "s"
        }
      ],
      warnings: []
    })
  })

  it("adds the scroll depth of the page before, under its path", () => {
    const { points } = extract({
      ...frame,
      $current_url: "https://a/now?q=1",
      $prev_pageview_pathname: "/before",
      $prev_pageview_max_scroll: 320
    })
    assert.deepStrictEqual(
      points.map(({ type, x, y, targetFixed, url }) => ({ type, x, y, targetFixed, url })),
      [{ type: "scrolldepth", x: 0, y: 20, targetFixed: false, url: "https://a/before?q=1" }]
    )
  })

  it("has nothing to say where there is no data", () => {
    assert.deepStrictEqual(extract({ $current_url: "https://a" }, ""), { points: [], warnings: [] })
  })

  it("refuses data of an id that is blank or illegal", () => {
    for (const id of ["", " ", "anonymous", "null"])
      assert.strictEqual(
        extract({ ...frame, $heatmap_data: {} as Properties }, id).refused,
        "heatmap_invalid_distinct_id"
      )
  })

  it("refuses data without numbers for the viewport", () => {
    for (const $viewport_width of [undefined, "1024", null, 1e30])
      assert.strictEqual(
        extract({ ...frame, $viewport_width, $heatmap_data: { u: [click] } }).refused,
        "heatmap_invalid_viewport_dimensions"
      )
  })

  it("warns of a blank url, of items that are no list, and of data that is no object", () => {
    const warned = extract({ ...frame, $heatmap_data: { " ": [click], u: "oops", v: [click] } })
    assert.deepStrictEqual(
      warned.warnings.map(({ type, key }) => [type, key]),
      [
        ["rejecting_heatmap_data_with_invalid_url", "s"],
        ["rejecting_heatmap_data_with_invalid_items", "s"]
      ]
    )
    assert.strictEqual(warned.points.length, 1)
    const types = (properties: Properties) => extract({ ...frame, ...properties }).warnings.map(({ type }) => type)
    assert.deepStrictEqual(types({ $heatmap_data: "oops" }), ["invalid_heatmap_data"])
    assert.deepStrictEqual(types({ $current_url: "not a url", $prev_pageview_pathname: "/x" }), [
      "invalid_heatmap_data"
    ])
  })

  it("skips points that are wrong, too large ones among them", () => {
    const wrong = [
      null,
      5,
      {},
      { ...click, x: "1" },
      { ...click, type: "" },
      { ...click, target_fixed: 1 },
      { ...click, y: 1e12 }
    ]
    assert.deepStrictEqual(extract({ ...frame, $heatmap_data: { u: wrong } }), { points: [], warnings: [] })
  })

  it.prop(
    "takes any data, and gives integers that ClickHouse holds",
    [Schema.Json, Schema.Json, Schema.Finite],
    ([data, scroll, x]) => {
      const { points } = extract({
        ...frame,
        $heatmap_data: { u: [{ ...click, x }], v: data },
        $current_url: "https://a",
        $prev_pageview_pathname: data,
        $prev_pageview_max_scroll: scroll
      })
      for (const point of points) {
        for (const n of [point.x, point.y]) assert.isTrue(Number.isInteger(n) && Math.abs(n) <= 2 ** 31)
      }
    }
  )
})

describe("without", () => {
  it("leaves the points out of the event", () => {
    assert.deepStrictEqual(Heatmap.without({ a: 1, $heatmap_data: {} }), { a: 1 })
    const properties = { a: 1 }
    assert.strictEqual(Heatmap.without(properties), properties)
  })
})
