/** The last changes before an event is stored (spec worker 1.14, 4.3). */
import type { Properties } from "./Properties.ts"
import { clean } from "./Text.ts"

/** Longer names are cut, in UTF-16 units. */
export const maxNameLength = 200

/** The name as it is stored: its first 200 UTF-16 units, half of a surrogate pair at the end replaced. */
export const cutName = (name: string): string =>
  name.length <= maxNameLength ? name : clean(name.slice(0, maxNameLength))

/** What SDKs send for themselves; big, and of no use in an event. */
const bloat = ["ph_product_tours", "$product_tours_activated", "$override_feature_flag_payloads"]
const groups = ["$group_0", "$group_1", "$group_2", "$group_3", "$group_4"]

const combinations: ReadonlyArray<ReadonlySet<string>> = [
  new Set(bloat),
  new Set([...bloat, "$ip"]),
  new Set([...bloat, ...groups]),
  new Set([...bloat, "$ip", ...groups])
]

export interface Removal {
  /** The project anonymises addresses: `$ip` goes. */
  readonly anonymizeIps: boolean
  /** The event is personless: `$group_0` … `$group_4` go, `$groups` stays. */
  readonly isPersonless: boolean
}

/** The properties without what must not be stored; the same object when nothing of it was there. */
export const prepare = (properties: Properties, { anonymizeIps, isPersonless }: Removal): Properties => {
  const unwanted = combinations[(anonymizeIps ? 1 : 0) + (isPersonless ? 2 : 0)]!
  for (const name of unwanted) {
    if (Object.hasOwn(properties, name)) {
      return Object.fromEntries(Object.entries(properties).filter(([other]) => !unwanted.has(other)))
    }
  }
  return properties
}
