/**
 * Records of MaxMind-format databases as places (spec cdp 2.5, 5.5). Two shapes are known: MaxMind's own, with names by
 * language, and flat ones, whose missing values are empty texts.
 */
import { isProperties, type Properties } from "@tributary/domain/event/Properties"
import type { Place } from "@tributary/pipeline/service/GeoIp"
import * as Country from "./Country.ts"

const child = (record: Properties, name: string): Properties => {
  const value = record[name]
  return isProperties(value) ? value : {}
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

/** Flat databases hold some numbers as text. */
const number = (value: unknown): number | undefined => {
  const result = typeof value === "string" && value.trim() !== "" ? Number(value) : value
  return typeof result === "number" && Number.isFinite(result) ? result : undefined
}

const english = (record: Properties): string | undefined => text(child(record, "names")["en"])

/** Without the parts that are not known. */
const withoutAbsent = (place: { readonly [Key in keyof Place]: Place[Key] | undefined }): Place => ({
  subdivisions: place.subdivisions ?? [],
  ...Object.fromEntries(Object.entries(place).filter(([, value]) => value !== undefined))
})

const fromMaxMind = (record: Properties): Place => {
  const [city, country, continent] = [child(record, "city"), child(record, "country"), child(record, "continent")]
  const location = child(record, "location")
  const subdivisions = Array.isArray(record["subdivisions"]) ? record["subdivisions"].filter(isProperties) : []
  return withoutAbsent({
    cityName: english(city),
    subdivisions: subdivisions.map((one) => {
      const [code, name] = [text(one["iso_code"]), english(one)]
      return { ...(code === undefined ? {} : { code }), ...(name === undefined ? {} : { name }) }
    }),
    countryName: english(country),
    countryCode: text(country["iso_code"]),
    continentName: english(continent),
    continentCode: text(continent["code"]),
    postalCode: text(child(record, "postal")["code"]),
    latitude: number(location["latitude"]),
    longitude: number(location["longitude"]),
    accuracyRadius: number(location["accuracy_radius"]),
    timeZone: text(location["time_zone"])
  })
}

const fromFlat = (record: Properties): Place => {
  const countryCode = text(record["country_code"])
  const continent = countryCode === undefined ? undefined : Country.continentOf(countryCode)
  return withoutAbsent({
    cityName: text(record["city"]),
    subdivisions: [text(record["state1"]), text(record["state2"])].flatMap((name) =>
      name === undefined ? [] : { name }
    ),
    countryName: countryCode === undefined ? undefined : Country.nameOf(countryCode),
    countryCode,
    continentName: continent?.name,
    continentCode: continent?.code,
    postalCode: text(record["postcode"]),
    latitude: number(record["latitude"]),
    longitude: number(record["longitude"]),
    accuracyRadius: undefined,
    timeZone: text(record["timezone"])
  })
}

/** The place that a record describes; undefined for a record without any part of one. */
export const toPlace = (record: unknown): Place | undefined => {
  if (!isProperties(record)) return undefined
  const place = Object.hasOwn(record, "country_code") ? fromFlat(record) : fromMaxMind(record)
  const { subdivisions, ...rest } = place
  return subdivisions.length === 0 && Object.keys(rest).length === 0 ? undefined : place
}
