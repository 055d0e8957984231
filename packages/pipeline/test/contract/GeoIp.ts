/** What every layer of `GeoIp` promises, given the places of MaxMind's test database (spec cdp 7.2). */
import { assert, layer } from "@effect/vitest"
import { GeoIp, type Place } from "@tributary/pipeline/service/GeoIp"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"

export const london: Place = {
  cityName: "London",
  subdivisions: [{ code: "ENG", name: "England" }],
  countryName: "United Kingdom",
  countryCode: "GB",
  continentName: "Europe",
  continentCode: "EU",
  latitude: 51.5142,
  longitude: -0.0931,
  accuracyRadius: 10,
  timeZone: "Europe/London"
}

export const linkoping: Place = {
  cityName: "Linköping",
  subdivisions: [{ code: "E", name: "Östergötland County" }],
  countryName: "Sweden",
  countryCode: "SE",
  continentName: "Europe",
  continentCode: "EU",
  latitude: 58.4167,
  longitude: 15.6167,
  accuracyRadius: 76,
  timeZone: "Europe/Stockholm"
}

export const japan: Place = {
  subdivisions: [],
  countryName: "Japan",
  countryCode: "JP",
  continentName: "Asia",
  continentCode: "AS",
  latitude: 35.68536,
  longitude: 139.75309,
  accuracyRadius: 100,
  timeZone: "Asia/Tokyo"
}

/** For the in-memory layer. */
export const places: ReadonlyMap<string, Place> = new Map([
  ["81.2.69.142", london],
  ["89.160.20.129", linkoping],
  ["2001:218::1", japan]
])

export const contract = (name: string, implementation: Layer.Layer<GeoIp>) =>
  layer(implementation)(`GeoIp: ${name}`, (it) => {
    it.effect("knows the place of an IPv4 address", () =>
      GeoIp.use(({ lookup }) => Effect.sync(() => assert.deepStrictEqual(lookup("81.2.69.142"), london)))
    )
    it.effect("knows the place of an IPv6 address, and leaves out what it does not know", () =>
      GeoIp.use(({ lookup }) => Effect.sync(() => assert.deepStrictEqual(lookup("2001:218::1"), japan)))
    )
    it.effect("knows no place for private, unknown and malformed addresses", () =>
      GeoIp.use(({ lookup }) =>
        Effect.sync(() => {
          const nowhere = [
            "10.0.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "::1",
            "8.8.8.8",
            "nonsense",
            "1.2.3",
            "81.2.69.142:80",
            ""
          ]
          for (const ip of nowhere) assert.isUndefined(lookup(ip), ip)
        })
      )
    )
  })
