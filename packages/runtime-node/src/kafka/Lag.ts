/**
 * How far a group is behind, measured every 15 s; and the watchdog over it: a member that is in the group, has messages
 * waiting, and is handed none for a minute, has its consumer made again.
 *
 * What was told of a partition stands, and grows older, until it is measured again or is seen to have gone elsewhere: an
 * outage, in which nobody knows, is the wrong time to tell that nothing waits.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as ConsumerMetrics from "./ConsumerMetrics.ts"

const every = "15 seconds"
const timeLimit = "10 seconds"
const patienceMs = 60_000

/** How far a partition is. */
export interface Reading extends ConsumerMetrics.Place {
  /** Offset of the record that is read next. */
  readonly next: bigint
  /** Without a commit, where reading began. */
  readonly committed: bigint
  /** CommitTime.ts; undefined = nothing was fetched yet. */
  readonly since: number | undefined
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

/** What was told last of a partition. */
interface Told {
  readonly place: ConsumerMetrics.Place
  readonly messages: number
  /** What waits was not appended before this; undefined = not known. */
  readonly since: number | undefined
}

const tell = (group: string, { messages, place, since }: Told, now: number) => {
  const ms = messages === 0 ? 0 : since === undefined ? undefined : Math.max(0, now - since)
  return ConsumerMetrics.lag(group, place, { messages, ms })
}

const latest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b)

/** Measures in the background. */
export const watch = Effect.fnUntraced(function* (
  group: string,
  { progress, waits, ...watched }: Watched
): Effect.fn.Return<void, never, Scope.Scope> {
  const told = new Map<string, Told>()
  /** Since when a partition has had more to read, and its next offset then. */
  const stuck = new Map<string, { readonly next: bigint; readonly since: number }>()

  /** Undefined: the brokers do not tell. */
  const endsOf = (held: Held, places: ReadonlyArray<Reading>) => {
    const topics = [...new Set(places.map(({ topic }) => topic))]
    if (topics.length === 0) return Effect.succeed(new Map<string, ReadonlyArray<bigint>>())
    return Effect.tryPromise(() => held.ends(topics)).pipe(
      Effect.timeout(timeLimit),
      Effect.orElseSucceed(() => undefined)
    )
  }

  const watchOver = (held: Held, { next, ...place }: Reading, end: bigint, now: number): void => {
    const key = ConsumerMetrics.keyOf(place)
    const known = stuck.get(key)
    if (end <= next || !waits()) stuck.delete(key)
    else if (known?.next !== next) stuck.set(key, { next, since: now })
    else if (now - known.since >= patienceMs) held.giveUp(`nothing of ${place.topic} was read for a minute`)
  }

  const measure = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const held = watched.held()
    const places = held === undefined ? [] : progress()
    const owned = new Set(places.map(ConsumerMetrics.keyOf))
    for (const key of stuck.keys()) if (!owned.has(key)) stuck.delete(key)
    for (const [key, { place }] of told) {
      if (held === undefined || owned.has(key)) continue
      // It is told where it went.
      told.delete(key)
      yield* ConsumerMetrics.lag(group, place, { messages: 0, ms: 0 })
    }
    const ends = held === undefined ? undefined : yield* endsOf(held, places)
    for (const place of places) {
      const end = ends?.get(place.topic)?.[place.partition]
      if (held === undefined || end === undefined) continue
      const key = ConsumerMetrics.keyOf(place)
      const messages = Math.max(0, Number(end - place.committed))
      // What comes after a look at which nothing waited is younger than that look.
      told.set(key, { place, messages, since: messages === 0 ? now : latest(told.get(key)?.since, place.since) })
      watchOver(held, place, end, now)
    }
    for (const one of told.values()) yield* tell(group, one, now)
  })

  yield* Effect.forkScoped(Effect.forever(Effect.delay(measure, every)))
})
