/**
 * GeoIP: where an event's `$ip` is, on the event and on its person (spec cdp 2.5).
 *
 * On the event only what is known appears. On the person all base keys are written, null where the place lacks them, so
 * that an older location does not stay beside a newer one.
 */
import { isProperties, type Properties } from "@tributary/domain/event/Properties"
import * as Effect from "effect/Effect"
import { GeoIp, type Place } from "../service/GeoIp.ts"
import * as Transformation from "./Transformation.ts"

export const id = "template-geoip"
/** What rows of older PostHog projects say. */
export const legacyId = "plugin-posthog-plugin-geoip"

const baseKeys = [
  "city_name",
  "city_confidence",
  "subdivision_2_name",
  "subdivision_2_code",
  "subdivision_1_name",
  "subdivision_1_code",
  "country_name",
  "country_code",
  "continent_name",
  "continent_code",
  "postal_code",
  "latitude",
  "longitude",
  "accuracy_radius",
  "time_zone"
]
const nullOnPerson: Properties = Object.fromEntries(baseKeys.map((key) => [`$geoip_${key}`, null]))
const nullInitially: Properties = Object.fromEntries(baseKeys.map((key) => [`$initial_geoip_${key}`, null]))

/** What is known of a place, by key; absent parts are left out. */
const parts = (place: Place): ReadonlyArray<readonly [key: string, value: string | number]> => {
  const found: Array<readonly [string, string | number]> = []
  const add = (key: string, value: string | number | undefined): void => {
    if (value !== undefined) found.push([key, value])
  }
  add("city_name", place.cityName)
  place.subdivisions.forEach(({ code, name }, index) => {
    add(`subdivision_${index + 1}_code`, code)
    add(`subdivision_${index + 1}_name`, name)
  })
  add("country_name", place.countryName)
  add("country_code", place.countryCode)
  add("continent_name", place.continentName)
  add("continent_code", place.continentCode)
  add("postal_code", place.postalCode)
  add("latitude", place.latitude)
  add("longitude", place.longitude)
  add("accuracy_radius", place.accuracyRadius)
  add("time_zone", place.timeZone)
  return found
}

const objectOrEmpty = (value: unknown): Properties => (isProperties(value) ? value : {})

/** What a place comes to; the same place is found again and again, so it is worked out once. */
interface Written {
  readonly onEvent: Properties
  readonly onPerson: Properties
  readonly initially: Properties
}

const known = new WeakMap<Place, Written>()

const write = (place: Place): Written => {
  const before = known.get(place)
  if (before !== undefined) return before
  const found = parts(place)
  const onEvent = Object.fromEntries(found.map(([key, value]) => [`$geoip_${key}`, value]))
  const initially = Object.fromEntries(found.map(([key, value]) => [`$initial_geoip_${key}`, value]))
  const written = {
    onEvent,
    onPerson: { ...nullOnPerson, ...onEvent },
    initially: { ...nullInitially, ...initially }
  }
  known.set(place, written)
  return written
}

/** The properties with the place on them; the same object where `$ip` leads nowhere, or `$geoip_disable` is truthy. */
export const enrich = (properties: Properties, lookup: (ip: string) => Place | undefined): Properties => {
  const ip = properties["$ip"]
  if (properties["$geoip_disable"] || typeof ip !== "string" || ip === "") return properties
  const place = lookup(ip)
  if (place === undefined) return properties
  const { initially, onEvent, onPerson } = write(place)
  return {
    ...properties,
    ...onEvent,
    $set: { ...objectOrEmpty(properties["$set"]), ...onPerson },
    $set_once: { ...objectOrEmpty(properties["$set_once"]), ...initially }
  }
}

export interface Options {
  /** Looked up in the place of 127.0.0.1, for development; undefined: 127.0.0.1 leads nowhere. */
  readonly loopback: string | undefined
}

/** Under its own id and under the one of older projects. */
export const make = (options: Options): Effect.Effect<ReadonlyArray<Transformation.Transformation>, never, GeoIp> =>
  Effect.map(GeoIp, ({ lookup }) => {
    const locate = (ip: string): Place | undefined =>
      lookup(ip === "127.0.0.1" && options.loopback !== undefined ? options.loopback : ip)
    return [id, legacyId].map((templateId) =>
      Transformation.make({
        id: templateId,
        name: "GeoIP",
        inputs: Transformation.noInputs,
        run: (event) => {
          const properties = enrich(event.properties, locate)
          return properties === event.properties ? Transformation.unchanged : Transformation.keep({ properties })
        }
      })
    )
  })
