/**
 * Light sanitising: what stands beside an event's properties joins them (spec worker 1.10). Texts are cleaned before, by
 * `Text.cleanJson`. Applying it again, after transformations and with nothing beside, changes nothing more.
 */
import { isProperties, type Properties, unsetNames } from "./Properties.ts"
import { isUuid } from "./Uuid.ts"

/** What the message and its body say beside `properties`. */
export interface Beside {
  readonly set?: Properties | undefined
  readonly setOnce?: Properties | undefined
  /** A list or an object; anything else is ignored. */
  readonly unset?: unknown
  /** The address that capture saw; for `$ip`, unless the client gave one. */
  readonly ip?: string | null | undefined
  readonly sentAt?: string | undefined
}

const nothing: Beside = {}

const isUnset = (value: unknown): value is object => typeof value === "object" && value !== null

const joinObjects = (own: unknown, top: Properties): Properties => (isProperties(own) ? { ...own, ...top } : top)

/** The properties with everything beside them; the same object when nothing changed. */
export const sanitize = (properties: Properties, beside: Beside = nothing): Properties => {
  const { set, setOnce, unset, ip, sentAt } = beside
  const sessionId = properties["$session_id"]
  const added: Record<string, unknown> = {}
  let isChanged = false
  if (set !== undefined) {
    added["$set"] = joinObjects(properties["$set"], set)
    isChanged = true
  }
  if (setOnce !== undefined) {
    added["$set_once"] = joinObjects(properties["$set_once"], setOnce)
    isChanged = true
  }
  if (isUnset(unset)) {
    const own = properties["$unset"]
    added["$unset"] = isUnset(own) ? [...new Set([...unsetNames(own), ...unsetNames(unset)])] : unset
    isChanged = true
  }
  if (ip && !properties["$ip"]) {
    added["$ip"] = ip
    isChanged = true
  }
  if (sentAt !== undefined) {
    added["$sent_at"] = sentAt
    isChanged = true
  }
  if (typeof sessionId === "string" && isUuid(sessionId) && sessionId !== sessionId.toLowerCase()) {
    added["$session_id"] = sessionId.toLowerCase()
    isChanged = true
  }
  return isChanged ? { ...properties, ...added } : properties
}
