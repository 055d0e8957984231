/**
 * Lifting: what an event says of browser, device and campaign becomes the person's, its first value in `$initial_…` (spec
 * worker 1.13). Applying it twice equals once, and no key that the client sent in `$set` or `$set_once` is removed or changed,
 * the alias `$os_name` excepted.
 */
import { isProperties, objectAt, type Properties } from "./Properties.ts"

const mobile = ["$app_build", "$app_name", "$app_namespace", "$app_version"]

const device = [
  "$browser",
  "$browser_version",
  "$device_type",
  "$current_url",
  "$pathname",
  "$os",
  "$os_name",
  "$os_version",
  "$referring_domain",
  "$referrer",
  "$screen_height",
  "$screen_width",
  "$viewport_height",
  "$viewport_width",
  "$raw_user_agent"
]

const campaign = [
  "utm_source",
  "utm_medium",
  "utm_campaign",
  "utm_content",
  "utm_name",
  "utm_term",
  "gclid",
  "gad_source",
  "gclsrc",
  "dclid",
  "gbraid",
  "wbraid",
  "fbclid",
  "msclkid",
  "twclid",
  "li_fat_id",
  "mc_cid",
  "igshid",
  "ttclid",
  "rdt_cid",
  "irclid",
  "_kx",
  "epik",
  "qclid",
  "sccid"
]

/** Property → the name of its first value. */
const initialNames: ReadonlyMap<string, string> = new Map(
  [...mobile, ...device, ...campaign].map((name) => [name, `$initial_${name.replace("$", "")}`])
)

/** The properties that are lifted; trimming never takes them from a person (spec worker 2.9). */
export const liftSet: ReadonlyArray<string> = [...initialNames.keys()]

const isNeverLifted = (event: string): boolean => event === "$snapshot" || event === "$performance_event"

/** The name under which a property is lifted; undefined for one that is not. `$os_name` is an alias of `$os`, but not on servers. */
const liftedName = (name: string, isServer: boolean): string | undefined => {
  if (!initialNames.has(name)) return undefined
  if (isServer) return name === "$os" || name === "$os_version" ? undefined : name
  return name === "$os_name" ? "$os" : name
}

const withoutAlias = ({ $os_name: _name, $initial_os_name: _initial, ...rest }: Properties): Properties => rest

/** An event's properties with `$set` and `$set_once` filled from them; the same object when there is nothing to lift. */
export const lift = (event: string, properties: Properties): Properties => {
  if (isNeverLifted(event)) return properties
  const isServer = properties["$is_server"] === true
  const set: Record<string, unknown> = {}
  const setOnce: Record<string, unknown> = {}
  let hasLifted = false
  for (const name of Object.keys(properties)) {
    const target = liftedName(name, isServer)
    if (target === undefined) continue
    hasLifted = true
    // The real `$os` goes before its alias, whichever comes first.
    if (target !== name && Object.hasOwn(properties, target)) continue
    set[target] = properties[name]
    setOnce[initialNames.get(target)!] = properties[name]
  }
  if (!hasLifted) return properties
  const fullSet = { ...set, ...objectAt(properties, "$set") }
  const fullSetOnce = { ...setOnce, ...objectAt(properties, "$set_once") }
  if (isServer || !Object.hasOwn(properties, "$os_name")) {
    return { ...properties, $set: fullSet, $set_once: fullSetOnce }
  }
  const os = Object.hasOwn(properties, "$os") ? properties["$os"] : properties["$os_name"]
  return { ...properties, $os: os, $set: withoutAlias(fullSet), $set_once: withoutAlias(fullSetOnce) }
}

/** A `survey shown` tells the person when, unless the client did; other events pass as they are (spec worker 1.13). */
export const surveyShown = (event: string, properties: Properties, timestamp: string): Properties => {
  if (event !== "survey shown") return properties
  const own = properties["$set"]
  const set = isProperties(own) ? own : {}
  if (Object.hasOwn(set, "$survey_last_seen_date")) return properties
  return { ...properties, $set: { ...set, $survey_last_seen_date: timestamp } }
}
