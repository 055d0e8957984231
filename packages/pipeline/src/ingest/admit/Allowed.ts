/** What operators decided, looked at before a body is parsed (spec worker 1, stages 2 and 3; 1.3). */
import * as Outcome from "@tributary/domain/event/Outcome"
import type { Restriction } from "../../service/Restrictions.ts"
import type { Settings } from "../Settings.ts"
import type { Headers } from "./Headers.ts"

/** Undefined when the message may go on. */
export const refuse = (
  headers: Headers,
  restrictions: ReadonlySet<Restriction>,
  settings: Settings,
  mayRedirect: boolean
): Outcome.Drop | Outcome.DeadLetter | Outcome.Redirect | undefined => {
  if (headers.event !== undefined && settings.eventDenylist.has(headers.event)) return denied(headers.event)
  if (restrictions.size === 0) return undefined
  if (restrictions.has("drop_event")) return Outcome.drop("blocked_token")
  if (restrictions.has("redirect_to_dlq")) {
    return Outcome.deadLetter("restricted_to_dlq", "restrictions", "a restriction sends this token's events here")
  }
  if (restrictions.has("force_overflow") && settings.overflowEnabled && mayRedirect) {
    const keepKey = !restrictions.has("skip_person_processing") || settings.overflowPreserveLocality
    return { _tag: "Redirect", lane: "overflow", reason: "force_overflow", keepKey }
  }
  return undefined
}

/** For messages without an `event` header the name is known only once the body is parsed. */
export const refuseName = (event: string, settings: Settings): Outcome.DeadLetter | undefined =>
  settings.eventDenylist.has(event) ? denied(event) : undefined

const denied = (event: string): Outcome.DeadLetter =>
  Outcome.deadLetter("event_in_denylist", "denylist", `EVENT_DENYLIST names ${event}`)
