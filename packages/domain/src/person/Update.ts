/**
 * What an event changes of a person's properties, and which changes are worth a write (spec worker 2.5, 2.6).
 *
 * Properties are immutable values: `apply` answers with the same object when nothing changed, so identity tells a change,
 * and an event may keep the object that shows its person.
 */
import type { Event } from "../event/Event.ts"
import { empty, objectAt, type Properties, unsetNames } from "../event/Properties.ts"

export interface Update {
  readonly set: Properties
  readonly setOnce: Properties
  readonly unset: ReadonlyArray<string>
}

export const none: Update = { set: empty, setOnce: empty, unset: [] }

/** Nothing for an `$exception` or a `$groupidentify`, whatever they carry. */
export const of = ({ event, properties }: Pick<Event, "event" | "properties">): Update =>
  event === "$exception" || event === "$groupidentify"
    ? none
    : {
        set: objectAt(properties, "$set"),
        setOnce: objectAt(properties, "$set_once"),
        unset: Object.hasOwn(properties, "$unset") ? unsetNames(properties["$unset"]) : none.unset
      }

/** Null counts as absent for a `$set_once` of something else (V-9). */
const isOpen = (properties: Properties, key: string, value: unknown): boolean =>
  !Object.hasOwn(properties, key) || (properties[key] === null && value !== null)

/** By primitive identity: objects and lists always differ. */
const differs = (properties: Properties, key: string, value: unknown): boolean =>
  !Object.hasOwn(properties, key) || properties[key] !== value

/** Set-once, then set, then unset. A key that an event both sets and unsets ends absent. */
export const apply = (properties: Properties, { set, setOnce, unset }: Update): Properties => {
  const open = Object.keys(setOnce).filter((key) => !Object.hasOwn(set, key) && isOpen(properties, key, setOnce[key]))
  const isSet = Object.keys(set).some((key) => differs(properties, key, set[key]))
  const first = open.length === 0 ? empty : Object.fromEntries(open.map((key) => [key, setOnce[key]]))
  const changed = isSet || open.length > 0 ? { ...properties, ...first, ...set } : properties
  const gone = unset.filter((key) => Object.hasOwn(changed, key))
  return gone.length === 0 ? changed : without(changed, gone)
}

export const without = (properties: Properties, keys: ReadonlyArray<string>): Properties => {
  const rest: Record<string, unknown> = { ...properties }
  for (const key of keys) delete rest[key]
  return rest
}

/** Change with every page or every move of a person: a new value alone is not worth a write (spec worker 2.6). */
export const filtered: ReadonlySet<string> = new Set([
  "$current_url",
  "$pathname",
  "$referring_domain",
  "$referrer",
  "$screen_height",
  "$screen_width",
  "$viewport_height",
  "$viewport_width",
  "$browser",
  "$browser_version",
  "$device_type",
  "$raw_user_agent",
  "$os",
  "$os_name",
  "$os_version",
  "$geoip_postal_code",
  "$geoip_time_zone",
  "$geoip_latitude",
  "$geoip_longitude",
  "$geoip_accuracy_radius",
  "$geoip_subdivision_1_code",
  "$geoip_subdivision_2_code",
  "$geoip_subdivision_3_code",
  "$geoip_subdivision_1_name",
  "$geoip_subdivision_2_name",
  "$geoip_subdivision_3_name",
  "$geoip_city_confidence",
  "$geoip_country_confidence",
  "$geoip_postal_code_confidence",
  "$geoip_subdivision_1_confidence",
  "$geoip_subdivision_2_confidence"
])

const forcing: ReadonlySet<string> = new Set(["$identify", "$create_alias", "$merge_dangerously", "$set"])

/** Events whose changes are written, filtered keys too. */
export const isForcing = (event: string): boolean => forcing.has(event)

/**
 * Whether the properties of a row are to be written: a key is new, gone, or has another value and is not filtered. Looks at
 * the whole batch at once: what it took back is no change. With `all`, filtered keys count like others.
 */
export const isWorthWriting = (before: Properties, after: Properties, { all }: { readonly all: boolean }): boolean => {
  if (before === after) return false
  for (const key of Object.keys(after)) {
    if (!Object.hasOwn(before, key)) return true
    if (before[key] !== after[key] && (all || !filtered.has(key))) return true
  }
  return Object.keys(before).some((key) => !Object.hasOwn(after, key))
}
