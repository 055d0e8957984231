/**
 * How far a group is behind, measured every 15 s while partitions are held; and the watchdog over it: a member that is in
 * the group, has messages waiting, and is handed none for a minute, has its consumer made again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ConsumerMetrics from "../ConsumerMetrics.ts"
import type { Lease } from "./Member.ts"
import type { Window } from "./Window.ts"

const every = "15 seconds"
const patienceMs = 60_000

export interface Watched {
  /** The lease that records are handed out under. */
  readonly lease: () => Lease | undefined
  /** The subscriber waits for records. */
  readonly waits: () => boolean
  readonly progress: Window["progress"]
}

/** Measures in the background. */
export const watch = Effect.fnUntraced(function* (
  group: string,
  { lease, progress, waits }: Watched
): Effect.fn.Return<void, never, Scope.Scope> {
  let before: ReadonlyArray<ConsumerMetrics.Place> = []
  /** Since when a partition has had more to read, and its next offset then. */
  const stuck = new Map<string, { readonly next: bigint; readonly since: number }>()

  const measure = Effect.gen(function* () {
    const held = lease()
    const places = held === undefined ? [] : progress()
    const now = yield* Clock.currentTimeMillis
    const ends = held === undefined || places.length === 0 ? new Map<string, bigint[]>() : yield* endsOf(held, places)
    const owned = new Set(places.map(ConsumerMetrics.keyOf))
    for (const key of stuck.keys()) if (!owned.has(key)) stuck.delete(key)
    // What went elsewhere is told there.
    for (const place of before) {
      if (!owned.has(ConsumerMetrics.keyOf(place))) yield* ConsumerMetrics.lag(group, place, { messages: 0, ms: 0 })
    }
    before = places
    for (const place of places) {
      const end = ends.get(place.topic)?.[place.partition]
      if (end === undefined) continue
      const done = place.committed < 0n ? place.next : place.committed
      const messages = Math.max(0, Number(end - done))
      const ms = messages === 0 || place.timestamp === undefined ? 0 : Math.max(0, now - place.timestamp)
      yield* ConsumerMetrics.lag(group, place, { messages, ms })
      const key = ConsumerMetrics.keyOf(place)
      const known = stuck.get(key)
      if (end <= place.next || !waits()) stuck.delete(key)
      else if (known?.next !== place.next) stuck.set(key, { next: place.next, since: now })
      else if (now - known.since >= patienceMs) held?.giveUp(`nothing of ${place.topic} was read for a minute`)
    }
  })

  yield* Effect.forkScoped(Effect.forever(Effect.delay(Effect.ignore(measure), every)))
})

const endsOf = ({ consumer }: Lease, places: ReadonlyArray<ConsumerMetrics.Place>) =>
  Effect.tryPromise(() => consumer.listOffsets({ topics: [...new Set(places.map(({ topic }) => topic))] }))
