/** The worker's mixes of events (DESIGN, Speed). */
import type { ClientEvent } from "../Events.ts"
import { event } from "../Events.ts"
import { random, zipf } from "../Random.ts"
import * as People from "./People.ts"

export type Name = "known" | "new" | "identify" | "personless"

export interface Wanted {
  readonly mix: Name
  /** Number from which events are made; no two calls may share one. */
  readonly run: number
  readonly count: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** People from here up are merged away already, those below not yet; only `identify` looks at it. */
  readonly unmerged: number
}

/** How many people `identify` merges away with so many events. */
export const merges = (mix: Name, count: number): number => (mix === "identify" ? Math.floor(count / 10) : 0)

/** The events of a mix, one after the other: the same for the same wish. */
export const events = function* ({ at, count, mix, run, unmerged }: Wanted): Generator<ClientEvent> {
  const next = random(run)
  // Who is merged away comes from the upper half, in turn, and who they turn out to be from the lower one.
  const who = zipf(mix === "identify" ? People.count / 2 : People.count, next)
  for (let index = 0; index < count; index++) {
    const person = who()
    const known = { run, index, person, distinctId: People.distinctIdOf(person), at }
    if (mix === "new") yield event({ ...known, distinctId: `new-${run}-${index}` })
    else if (mix === "personless") yield event({ ...known, more: { $process_person_profile: false } })
    else if (mix === "identify" && index % 10 === 0) {
      const anonymous = People.distinctIdOf(unmerged - 1 - index / 10)
      yield event({ ...known, name: "$identify", more: { $anon_distinct_id: anonymous, $set: { plan: "team" } } })
    } else if (next() < 0.3) yield event({ ...known, more: { $set: { logins: run * 1_000_000 + index } } })
    else yield event(known)
  }
}

/** What the worker leaves of an event as it is. */
export const contentOf = ({ distinct_id, event, properties, uuid }: Omit<ClientEvent, "timestamp">): string =>
  JSON.stringify([uuid, event, distinct_id, properties["$insert_id"], properties["$current_url"], properties["price"]])
