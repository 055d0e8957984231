/** What events say of groups (spec worker 4.3, 4.4). */
import type { Event } from "../event/Event.ts"
import { objectAt, type Properties } from "../event/Properties.ts"
import { clean, textOf } from "../event/Text.ts"
import type { GroupName, GroupTypeIndex } from "./Group.ts"

type Said = Pick<Event, "event" | "properties" | "personProcessing">

/** What a `$groupidentify` is about. */
export interface GroupIdentify {
  readonly groupType: string
  readonly key: string
  /** What `$group_set` says; undefined where it is neither absent, null nor an object. */
  readonly set: Properties | undefined
}

const textAt = (properties: Properties, name: string): string | undefined => {
  const value = Object.hasOwn(properties, name) ? properties[name] : undefined
  return value ? clean(textOf(value)) : undefined
}

/** Undefined for every other event, for personless ones (V-6), and without `$group_type` or `$group_key`. */
export const identified = ({ event, personProcessing, properties }: Said): GroupIdentify | undefined => {
  if (event !== "$groupidentify" || personProcessing !== "on") return undefined
  const groupType = textAt(properties, "$group_type")
  const key = textAt(properties, "$group_key")
  if (groupType === undefined || key === undefined) return undefined
  const set = Object.hasOwn(properties, "$group_set") ? properties["$group_set"] : undefined
  const isAbsent = set === undefined || set === null
  const isObject = typeof set === "object" && !Array.isArray(set)
  return { groupType, key, set: isAbsent || isObject ? objectAt(properties, "$group_set") : undefined }
}

/** The group that a `$groupidentify` will make or change; undefined where there is none. */
export const groupOf = (event: Event, groupTypes: GroupTypeIndex): GroupName | undefined => {
  const group = identified(event)
  if (group?.set === undefined) return undefined
  const index = groupTypes(event.project.projectId, group.groupType)
  return index === undefined ? undefined : { team: event.project.id, index, key: group.key }
}

/** Longer ones fit no column, and so no type is ever registered for them. */
const maxTypeLength = 400

/** The group types that an event registers, in the order in which it names them (spec worker 4.2). */
export const typesOf = (event: Said): ReadonlyArray<string> => {
  if (event.personProcessing !== "on" || event.event === "$$plugin_metrics") return []
  const named = Object.keys(objectAt(event.properties, "$groups"))
  const group = identified(event)
  if (group?.set !== undefined) named.push(group.groupType)
  return [...new Set(named)].filter((name) => name.length <= maxTypeLength)
}
