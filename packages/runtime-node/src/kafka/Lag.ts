/**
 * How far a group is behind, measured every 15 s while partitions are held; and the watchdog over it: a member that is in
 * the group, has messages waiting, and is handed none for a minute, has its consumer made again.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ConsumerMetrics from "./ConsumerMetrics.ts"

const every = "15 seconds"
const patienceMs = 60_000

/** How far a partition is. `timestamp` is that of the last record that was handed out; `committed` is -1 without a commit. */
export interface Reading extends ConsumerMetrics.Place {
  readonly next: bigint
  readonly committed: bigint
  readonly timestamp: number | undefined
}

/** What is asked of the client, under one assignment. */
export interface Held {
  /** Offsets of the next messages of topics, by partition. */
  readonly ends: (topics: ReadonlyArray<string>) => Promise<ReadonlyMap<string, ReadonlyArray<bigint>>>
  /** Has the consumer made again. */
  readonly giveUp: (cause: unknown) => void
}

export interface Watched {
  /** While records are handed out. */
  readonly held: () => Held | undefined
  /** The subscriber waits for records. */
  readonly waits: () => boolean
  readonly progress: () => ReadonlyArray<Reading>
}

/** Measures in the background. */
export const watch = Effect.fnUntraced(function* (
  group: string,
  { progress, waits, ...watched }: Watched
): Effect.fn.Return<void, never, Scope.Scope> {
  let before: ReadonlyArray<ConsumerMetrics.Place> = []
  /** Since when a partition has had more to read, and its next offset then. */
  const stuck = new Map<string, { readonly next: bigint; readonly since: number }>()

  const measure = Effect.gen(function* () {
    const held = watched.held()
    const places = held === undefined ? [] : progress()
    const now = yield* Clock.currentTimeMillis
    const topics = [...new Set(places.map(({ topic }) => topic))]
    const ends: ReadonlyMap<string, ReadonlyArray<bigint>> = held === undefined || topics.length === 0
      ? new Map()
      : yield* Effect.tryPromise(() => held.ends(topics))
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
