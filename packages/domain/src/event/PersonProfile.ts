/** Whether an event may touch people, and what that does to its properties (spec worker 1.11). */
import { aboutEvent, type Subject, type Warning } from "../warning/Warning.ts"
import type { PersonProcessing } from "./Event.ts"
import type { Properties } from "./Properties.ts"
import type { Rejection } from "./Validate.ts"

export interface Wish {
  readonly properties: Properties
  /** Header `force_disable_person_processing`, or a restriction of the token. */
  readonly isForcedOff: boolean
  /** The project has opted out of person processing. */
  readonly isOptedOut: boolean
}

export type Decision =
  | { readonly _tag: "Decided"; readonly processing: PersonProcessing; readonly warning?: Warning }
  | { readonly _tag: "Rejected"; readonly rejection: Rejection }

const on: Decision = { _tag: "Decided", processing: "on" }
const forcedOff: Decision = { _tag: "Decided", processing: "forced_off" }
const off: Decision = { _tag: "Decided", processing: "off" }

const isMerge = (event: string): boolean =>
  event === "$identify" || event === "$create_alias" || event === "$merge_dangerously"

/**
 * What becomes of the wish. Forced off by header, a merge event is an ordinary personless event; off by its property or
 * its project, it contradicts itself and is dropped.
 */
export const decide = (subject: Subject, { properties, isForcedOff, isOptedOut }: Wish): Decision => {
  if (isForcedOff) return forcedOff
  const wish = isOptedOut ? false : properties["$process_person_profile"]
  if (wish === undefined || wish === true) return on
  if (wish === false) {
    if (!isMerge(subject.event)) return off
    const warning = aboutEvent("invalid_event_when_process_person_profile_is_false", subject)
    return { _tag: "Rejected", rejection: { reason: "invalid_event_for_flags", warning } }
  }
  const details = {
    $process_person_profile: wish,
    message: "Only a boolean value is valid for the $process_person_profile property"
  }
  return {
    _tag: "Decided",
    processing: "on",
    warning: aboutEvent("invalid_process_person_profile", subject, details)
  }
}

const withoutChanges = ({ $set: _set, $set_once: _once, $unset: _unset, ...rest }: Properties): Properties => rest

const hasChanges = (properties: Properties): boolean =>
  Object.hasOwn(properties, "$set") || Object.hasOwn(properties, "$set_once") || Object.hasOwn(properties, "$unset")

const withoutWish = ({ $process_person_profile: _, ...rest }: Properties): Properties => rest

/**
 * The properties as the decision leaves them: without changes of a person where there must be none (personless events, and
 * `$groupidentify`), with `$process_person_profile` only where it is `false`. Applied again after lifting, which may have put
 * such changes there. The same object when nothing changed.
 */
export const strip = (event: string, properties: Properties, processing: PersonProcessing): Properties => {
  const mayChange = processing === "on" && event !== "$groupidentify"
  const kept = !mayChange && hasChanges(properties) ? withoutChanges(properties) : properties
  if (processing !== "on") {
    return kept["$process_person_profile"] === false ? kept : { ...kept, $process_person_profile: false }
  }
  return Object.hasOwn(kept, "$process_person_profile") ? withoutWish(kept) : kept
}
