/**
 * The group step (spec worker 1, 20h): shows the groups of an event in `$group_0` … `$group_4`, and lets `$groupidentify` make
 * and change groups. One event at a time, on the state of the run, after its person is known.
 */
import type { ProcessedEvent } from "../event/Event.ts"
import { next, type Outcome } from "../event/Outcome.ts"
import { empty, objectAt, type Properties } from "../event/Properties.ts"
import type { GroupWrite } from "../person/Snapshot.ts"
import * as State from "../person/State.ts"
import { without } from "../person/Update.ts"
import { groupNameKey } from "./Group.ts"
import * as GroupEvent from "./GroupEvent.ts"
import { isSame } from "./SameJson.ts"

const slots = ["$group_0", "$group_1", "$group_2", "$group_3", "$group_4"]

/** Always continues. */
export const step = (state: State.State, event: ProcessedEvent): Outcome<ProcessedEvent> => {
  const properties = event.personProcessing === "on" ? shown(state, event) : withoutGroups(event.properties)
  identify(state, event)
  return next(properties === event.properties ? event : { ...event, properties })
}

/** A personless event belongs to no group; `$groups` stays as it was sent. */
const withoutGroups = (properties: Properties): Properties => {
  const named = slots.filter((slot) => Object.hasOwn(properties, slot))
  return named.length === 0 ? properties : without(properties, named)
}

/** Types without an index, those over the limit, are left in `$groups` only. */
const shown = (state: State.State, { project, properties }: ProcessedEvent): Properties => {
  const groups = objectAt(properties, "$groups")
  if (groups === empty) return properties
  const entries = Object.entries(groups).flatMap(([groupType, key]) => {
    const index = state.rules.groupTypes(project.projectId, groupType)
    return index === undefined ? [] : [[`$group_${index}`, key] as const]
  })
  return entries.length === 0 ? properties : { ...properties, ...Object.fromEntries(entries) }
}

/** The last writer in the order of processing wins; there is neither unset nor set-once (spec worker 4.4). */
const identify = (state: State.State, event: ProcessedEvent): void => {
  const said = GroupEvent.identified(event)
  if (said === undefined) return
  if (said.set === undefined) {
    state.warnings.push(invalidSet(event, said))
    return
  }
  const name = GroupEvent.groupOf(event, state.rules.groupTypes)
  if (name === undefined) return
  const group = State.findGroup(state, name.team, name.index, name.key)
  if (group === undefined) {
    const createdAt = Math.min(event.receivedAt, event.timestamp)
    const draft: State.GroupDraft = { ...name, row: undefined, createdAt, properties: said.set }
    state.groups.set(groupNameKey(name.team, name.index, name.key), draft)
  } else if (differs(group.properties, said.set)) group.properties = { ...group.properties, ...said.set }
}

const invalidSet = ({ distinctId, project, properties, uuid }: ProcessedEvent, said: GroupEvent.GroupIdentify) => {
  const set = properties["$group_set"]
  return {
    team: project.id,
    type: "invalid_group_set",
    details: {
      eventUuid: uuid,
      distinctId,
      groupType: said.groupType,
      groupKey: said.key,
      receivedType: Array.isArray(set) ? "array" : typeof set
    },
    key: said.key
  }
}

/** True when a key of `set` is new or has another value; unlike with people, objects are looked into. */
const differs = (properties: Properties, set: Properties): boolean =>
  properties !== set &&
  Object.keys(set).some((key) => !Object.hasOwn(properties, key) || !isSame(properties[key], set[key]))

/** The groups that are new, and those that the batch as a whole has changed. */
export const finish = (state: State.State): ReadonlyArray<GroupWrite> => {
  const groups: Array<GroupWrite> = []
  for (const { createdAt, index, key, properties, row, team } of state.groups.values()) {
    if (row !== undefined && !differs(row.properties, properties)) continue
    const json = JSON.stringify(properties)
    const version = row === undefined ? 1 : row.version + 1
    groups.push({ team, index, key, properties, createdAt, version, json, isNew: row === undefined })
  }
  return groups
}
