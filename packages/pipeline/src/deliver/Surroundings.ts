/** What matching and sending need to know beside the event itself: its project's name, and its groups. */
import { isProperties } from "@tributary/domain/event/Properties"
import * as Text from "@tributary/domain/event/Text"
import type { EventGroup, EventMessage } from "@tributary/domain/function/Globals"
import type { Inputs } from "@tributary/domain/function/Inputs"
import * as Template from "@tributary/domain/function/Template"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Divide from "../service/Divide.ts"
import { EventGroups, type NamedGroup } from "../service/EventGroups.ts"
import type * as Health from "../service/Health.ts"
import { ProjectStore } from "../service/ProjectStore.ts"

export interface Surroundings {
  readonly project: { readonly id: number; readonly name: string }
  readonly groups: ReadonlyArray<EventGroup>
}

/** Whether a template names the root `groups`: only then are groups looked up. */
export const namesGroups = (template: Template.Template): boolean =>
  Template.paths(template).some(([root]) => root === "groups")

export const inputsNameGroups = ({ entries }: Inputs): boolean => entries.some(([, template]) => namesGroups(template))

/** The groups that an event names in `$groups`. */
const namedBy = ({ projectId, properties, team }: EventMessage): ReadonlyArray<NamedGroup> => {
  const groups = properties["$groups"]
  if (!isProperties(groups)) return []
  return Object.entries(groups).flatMap(([type, value]) => {
    if (value === null || value === undefined || value === "") return []
    return [{ team, projectId, type, key: Text.clean(Text.textOf(value)) }]
  })
}

/**
 * By index. `wantsGroups`: whose groups are looked up; the others have none. Waits while the database is away; what it
 * refuses for good is as if it were not there.
 */
export const load = (
  messages: ReadonlyArray<EventMessage>,
  wantsGroups: (index: number) => boolean
): Effect.Effect<ReadonlyArray<Surroundings>, never, ProjectStore | EventGroups | Health.Health> =>
  Effect.gen(function* () {
    if (messages.length === 0) return []
    const teams = new Set(messages.map(({ team }) => team))
    const { found: projects } = yield* Divide.lookUp(teams, (some) => ProjectStore.use((store) => store.byIds(some)))
    const named = messages.map((message, index) => (wantsGroups(index) ? namedBy(message) : []))
    const parts = yield* Divide.ask(named.flat(), (some) => EventGroups.use((store) => store.find(some)))
    const found = parts.flatMap(({ answer }) => Result.getOrElse(answer, () => [undefined]))
    let taken = 0
    return messages.map(({ team }, index) => {
      const count = named[index]?.length ?? 0
      const groups = found.slice(taken, taken + count).filter((group) => group !== undefined)
      taken += count
      return { project: { id: team, name: projects.get(team)?.name ?? "" }, groups }
    })
  })
