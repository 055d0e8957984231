/** Whom a merge event wants to join with its distinct id (spec worker 3.1). */
import * as DistinctId from "./DistinctId.ts"
import type { MergePartner } from "./Event.ts"
import type { Properties } from "./Properties.ts"
import { clean, textOf } from "./Text.ts"

const named = (value: unknown): MergePartner => {
  const text = textOf(value)
  return { distinctId: clean(text), legal: DistinctId.isLegalForMerge(text) }
}

/**
 * The partner that an event names: of `$identify` whatever stands in `$anon_distinct_id`, null too (as the illegal `null`); of
 * `$create_alias` and `$merge_dangerously` a truthy `alias`. Undefined for every other event.
 *
 * Takes the properties as they were sent: once U+0000 is cleaned away, legality cannot be told any more (spec worker 3.2).
 */
export const of = (event: string, properties: Properties): MergePartner | undefined => {
  switch (event) {
    case "$identify":
      return Object.hasOwn(properties, "$anon_distinct_id") ? named(properties["$anon_distinct_id"]) : undefined
    case "$create_alias":
    case "$merge_dangerously":
      return Object.hasOwn(properties, "alias") && properties["alias"] ? named(properties["alias"]) : undefined
    default:
      return undefined
  }
}

/**
 * The partner of an event whose properties may have changed on the way (transformations, cookieless mode): the one it was sent with
 * as long as the text is that one's, legality included; else the one that it names now.
 */
export const current = (
  sent: MergePartner | undefined,
  event: string,
  properties: Properties
): MergePartner | undefined => {
  const now = of(event, properties)
  return sent !== undefined && now?.distinctId === sent.distinctId ? sent : now
}
