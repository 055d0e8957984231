import { assert, describe, it } from "@effect/vitest"
import { enrich } from "@tributary/pipeline/transformation/GeoIp"
import { places } from "../contract/GeoIp.ts"

const lookup = (ip: string) => places.get(ip)
const at = (ip: unknown, more: Record<string, unknown> = {}) => enrich({ $ip: ip, ...more }, lookup)

describe("GeoIP", () => {
  it("G1: writes what is known onto the event, and nothing for what is not", () => {
    assert.deepInclude(at("81.2.69.142"), {
      $ip: "81.2.69.142",
      $geoip_city_name: "London",
      $geoip_subdivision_1_code: "ENG",
      $geoip_subdivision_1_name: "England",
      $geoip_country_name: "United Kingdom",
      $geoip_country_code: "GB",
      $geoip_continent_name: "Europe",
      $geoip_continent_code: "EU",
      $geoip_latitude: 51.5142,
      $geoip_longitude: -0.0931,
      $geoip_accuracy_radius: 10,
      $geoip_time_zone: "Europe/London"
    })
    assert.notProperty(at("81.2.69.142"), "$geoip_postal_code")
  })

  it("G2: writes all 15 keys onto the person, null where the place lacks them", () => {
    const { $set, $set_once } = at("81.2.69.142")
    const person = $set as Record<string, unknown>
    const initial = $set_once as Record<string, unknown>
    assert.strictEqual(Object.keys(person).length, 15)
    assert.strictEqual(Object.keys(initial).length, 15)
    for (const key of ["postal_code", "city_confidence", "subdivision_2_code", "subdivision_2_name"]) {
      assert.isNull(person[`$geoip_${key}`])
      assert.isNull(initial[`$initial_geoip_${key}`])
    }
    assert.strictEqual(person["$geoip_city_name"], "London")
    assert.strictEqual(initial["$initial_geoip_city_name"], "London")
  })

  it("G5: leaves the city off the event and null on the person", () => {
    const properties = at("2001:218::1")
    assert.notProperty(properties, "$geoip_city_name")
    assert.deepInclude(properties["$set"] as object, { $geoip_city_name: null, $geoip_country_code: "JP" })
  })

  it("G9, G10, G11: an address that leads nowhere leaves the event alone", () => {
    const nowhere = [
      "10.0.0.1",
      "8.8.8.8",
      undefined,
      null,
      "",
      123,
      ["1.1.1.1"],
      "nonsense",
      "1.2.3",
      "81.2.69.142:80"
    ]
    for (const ip of nowhere) {
      const properties = { $ip: ip, a: 1 }
      assert.strictEqual(enrich(properties, lookup), properties)
    }
  })

  it("G12: any truthy $geoip_disable leaves the event alone", () => {
    for (const disable of [true, "true", "false", 1]) {
      const properties = { $ip: "81.2.69.142", $geoip_disable: disable }
      assert.strictEqual(enrich(properties, lookup), properties)
    }
  })

  it("G13: a falsy $geoip_disable does not", () => {
    for (const disable of [false, 0, "", null]) {
      assert.strictEqual(at("81.2.69.142", { $geoip_disable: disable })["$geoip_city_name"], "London")
    }
  })

  it("G14: keeps other keys of $set and $set_once, and overwrites its own", () => {
    const properties = at("81.2.69.142", {
      $set: { x: 1, $geoip_city_name: "Old" },
      $set_once: { y: 2, $initial_geoip_city_name: "Old" }
    })
    assert.deepInclude(properties["$set"] as object, { x: 1, $geoip_city_name: "London" })
    assert.deepInclude(properties["$set_once"] as object, { y: 2, $initial_geoip_city_name: "London" })
  })

  it("G15: a stale value stays on the event and becomes null on the person", () => {
    const properties = at("81.2.69.142", { $geoip_postal_code: "STALE" })
    assert.strictEqual(properties["$geoip_postal_code"], "STALE")
    assert.deepInclude(properties["$set"] as object, { $geoip_postal_code: null })
  })

  it("writes subdivisions beyond the second only where there are some", () => {
    const subdivisions = [{ code: "A" }, { code: "B" }, { code: "C", name: "Third" }]
    const properties = enrich({ $ip: "1.1.1.1" }, () => ({ subdivisions }))
    assert.strictEqual(properties["$geoip_subdivision_3_name"], "Third")
    assert.strictEqual(Object.keys(properties["$set"] as object).length, 17)
  })
})
