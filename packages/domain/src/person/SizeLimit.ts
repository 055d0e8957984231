/**
 * How large a person's properties may be (spec worker 2.9). PostgreSQL refuses a row above the limit, and with it a batch, so
 * the fold computes beforehand what a `jsonb` will take.
 *
 * The form of `jsonb`: four bytes of length; each container aligned to four bytes, with four bytes of header and four for each
 * key and element; texts as UTF-8; numbers as `numeric`, aligned to four bytes; keys ordered by length, then by bytes.
 */
import { liftSet } from "../event/Lift.ts"
import { isProperties, type Properties } from "../event/Properties.ts"
import type { Settings } from "./Settings.ts"
import { without } from "./Update.ts"

const textEncoder = new TextEncoder()

const utf8Length = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Half of a surrogate pair takes two of the pair's four bytes.
    if (unit > 0x7f) bytes += unit <= 0x7ff || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2
  }
  return bytes
}

const compareBytes = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

/** The order in which `jsonb` lays out the values of an object. */
const sortedKeys = (object: Properties): ReadonlyArray<string> =>
  Object.keys(object)
    .map((key) => ({ key, bytes: textEncoder.encode(key) }))
    .sort((a, b) => a.bytes.length - b.bytes.length || compareBytes(a.bytes, b.bytes))
    .map(({ key }) => key)

const aligned = (offset: number): number => (offset + 3) & ~3

const numberText = /^-?(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/

/** Two bytes for every four decimal digits, counted from the decimal point; leading and trailing zeros are not kept. */
const numericBytes = (value: number): number => {
  const [, whole = "0", fraction = "", exponent = "0"] = numberText.exec(JSON.stringify(value)) ?? []
  const power = Number(exponent)
  const scale = Math.max(0, fraction.length - power)
  const digits = (whole + fraction).replace(/0+$/, "")
  const significant = digits.replace(/^0+/, "")
  const first = whole.length - 1 + power - (digits.length - significant.length)
  const last = first - significant.length + 1
  const weight = Math.floor(first / 4)
  const words = significant.length === 0 ? 0 : weight - Math.floor(last / 4) + 1
  const isShort = scale <= 63 && (words === 0 || (weight >= -64 && weight <= 63))
  return (isShort ? 6 : 8) + 2 * words
}

/** The offset after the value, when it begins at `offset`. */
const end = (value: unknown, offset: number): number => {
  if (typeof value === "string") return offset + utf8Length(value)
  if (typeof value === "number") return Number.isFinite(value) ? aligned(offset) + numericBytes(value) : offset
  if (Array.isArray(value)) {
    let at = aligned(offset) + 4 + 4 * value.length
    for (const element of value) at = end(element, at)
    return at
  }
  if (isProperties(value)) {
    const keys = sortedKeys(value)
    let at = aligned(offset) + 4 + 8 * keys.length
    for (const key of keys) at += utf8Length(key)
    for (const key of keys) at = end(value[key], at)
    return at
  }
  return offset
}

/** What `pg_column_size` says of these properties as `jsonb`, in bytes. */
export const storedBytes = (properties: Properties): number => end(properties, 4)

export const fits = (properties: Properties, { propertiesLimitBytes }: Settings): boolean =>
  storedBytes(properties) <= propertiesLimitBytes

/** No JSON text takes more than eight times its length: the worst, a list of small numbers, takes six. */
const growth = 8

/** As `fits`, for properties whose text is at hand: most are so short that nothing need be computed. */
export const textFits = (json: string, properties: Properties, settings: Settings): boolean =>
  json.length * growth <= settings.propertiesLimitBytes || fits(properties, settings)

/** What trimming leaves alone. */
const kept: ReadonlySet<string> = new Set([
  ...liftSet,
  "email",
  "name",
  "$fbc",
  "$session_id",
  "$window_id",
  "$pageview_id",
  "$host",
  "$user_id",
  "$device_id",
  "$anon_distinct_id",
  "$initial_referrer",
  "$initial_referring_domain",
  "$initial_utm_source",
  "$initial_utm_medium",
  "$initial_utm_campaign",
  "$initial_utm_content",
  "$initial_utm_term"
])

/**
 * Without removable keys, taken in ascending order until the JSON text is within the target; undefined when the rest is still over
 * the limit. For rows of old installations that are above the limit already.
 */
export const trim = (properties: Properties, settings: Settings): Properties | undefined => {
  let bytes = utf8Length(JSON.stringify(properties))
  const gone: Array<string> = []
  for (const key of Object.keys(properties).sort()) {
    if (bytes <= settings.trimTargetBytes) break
    if (kept.has(key)) continue
    gone.push(key)
    // The pair, its colon and its comma.
    bytes -= utf8Length(JSON.stringify(key)) + utf8Length(JSON.stringify(properties[key]) ?? "") + 2
  }
  const rest = without(properties, gone)
  return fits(rest, settings) ? rest : undefined
}
