/**
 * People and groups of a batch in one transaction, folded over one snapshot (spec worker 2.7).
 *
 * A batch that collides too often, or that the database or the fold refuses, is halved until the offender stands alone:
 * then a merge is left out, any other event is a dead letter, and either is remembered beside the progress
 * (spec worker 3.7, 6.1). Each piece is a transaction of its own, front half first, and raises the progress past its own
 * messages only, so nothing is overtaken.
 */
import type { Event, ProcessedEvent } from "@tributary/domain/event/Event"
import type * as Outcome from "@tributary/domain/event/Outcome"
import * as Position from "@tributary/domain/event/Position"
import type { GroupTypeIndex } from "@tributary/domain/group/Group"
import * as Fold from "@tributary/domain/person/Fold"
import * as Merge from "@tributary/domain/person/Merge"
import { type Refusal, unchanged } from "@tributary/domain/person/Snapshot"
import type { Warning } from "@tributary/domain/warning/Warning"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Away from "../service/Away.ts"
import type * as Health from "../service/Health.ts"
import { type OutboxRow, PersonStore } from "../service/PersonStore.ts"
import { describe, StoreError } from "../service/StoreError.ts"
import { failed } from "./Stage.ts"

/** A message of the batch; one without an event (dropped, a dead letter) only raises the progress. */
export interface Item {
  readonly at: Position.Position
  readonly event: Event | undefined
}

export interface Applied {
  /** Lines up with the items; undefined where there was no event. */
  readonly outcomes: ReadonlyArray<Outcome.Outcome<ProcessedEvent> | undefined>
  readonly warnings: ReadonlyArray<Warning>
  /** Committed, not yet published. */
  readonly outbox: ReadonlyArray<OutboxRow>
}

export interface Options {
  /** The consumer group whose progress is raised. */
  readonly group: string
  readonly groupTypes: GroupTypeIndex
  readonly settings: Fold.Settings
  readonly steps: Fold.Steps
}

type Apply = Effect.Effect<Applied, never, PersonStore | Health.Health>

const mergesLeftOut = Metric.counter("ingestion_merges_left_out_total", {
  description: "Merges that failed even alone; their events were stored without them",
  incremental: true
})

export const apply = (items: ReadonlyArray<Item>, options: Options): Apply => {
  const events = items.flatMap(({ event }) => (event === undefined ? [] : [event]))
  if (Fold.needsTransaction(events, options.settings)) return piece(items, options)
  // Nobody is named: no transaction, and the next one raises the progress past these messages.
  return Effect.sync(() => withoutStore(items, options))
}

const withoutStore = (items: ReadonlyArray<Item>, options: Options): Applied => {
  const foldItems = (some: ReadonlyArray<Item>): Applied => {
    const folded = Fold.fold({ ...options, events: eventsOf(some) })(Fold.emptySnapshot).result
    return { outcomes: alignWith(some, folded.outcomes), warnings: folded.warnings, outbox: [] }
  }
  try {
    return foldItems(items)
  } catch {
    return concat(
      items.map((item) => {
        try {
          return foldItems([item])
        } catch (bug) {
          return { outcomes: [failedAlone(bug)], warnings: [], outbox: [] }
        }
      })
    )
  }
}

const piece = (items: ReadonlyArray<Item>, options: Options): Apply =>
  orElse(attempt(items, options), (failure) => {
    if (items.length === 1) return alone(items, options, failure)
    const middle = items.length >> 1
    return Effect.logWarning("a batch is halved to find what stops it").pipe(
      Effect.annotateLogs({ messages: items.length, cause: describe(failure) }),
      Effect.andThen(piece(items.slice(0, middle), options)),
      Effect.flatMap((front) => Effect.map(piece(items.slice(middle), options), (back) => concat([front, back])))
    )
  })

/** An offender: a merge is left out; if that does not help, or it is none, the event becomes a dead letter. */
const alone = (items: ReadonlyArray<Item>, options: Options, failure: unknown): Apply => {
  const [item] = items
  const event = item?.event
  if (item === undefined || event === undefined) {
    return Effect.as(
      Effect.logError("the progress could not be raised past a message; a later batch will").pipe(
        Effect.annotateLogs({ cause: describe(failure) })
      ),
      { outcomes: [undefined], warnings: [], outbox: [] }
    )
  }
  const buried = orElse(bury(items, item, options, failure), (again) =>
    Effect.die(new Error(`a dead letter could not be remembered: ${describe(again)}`))
  )
  if (event.partner === undefined) return buried
  const reason = failure instanceof StoreError && failure.reason === "Conflict" ? Merge.conflict : describe(failure)
  return Effect.logError("a merge is left out; its event is stored without it").pipe(
    Effect.annotateLogs({ team: event.project.id, event: event.uuid, cause: describe(failure) }),
    Effect.andThen(Metric.update(mergesLeftOut, 1)),
    Effect.andThen(orElse(attempt(items, options, new Map([[Position.key(item.at), reason]])), () => buried))
  )
}

const attempt = (
  items: ReadonlyArray<Item>,
  options: Options,
  withoutMerge?: ReadonlyMap<string, string>
): Effect.Effect<Applied, StoreError, PersonStore | Health.Health> => {
  const events = eventsOf(items)
  const progress = items.map(({ at }) => at)
  return Effect.map(
    Away.postgresUnavailable(
      PersonStore.use((store) =>
        store.transact(
          Fold.work({ ...options, progress, events }),
          Fold.fold({ ...options, events, ...(withoutMerge === undefined ? {} : { withoutMerge }) })
        )
      )
    ),
    ({ outbox, result }) => ({ outcomes: alignWith(items, result.outcomes), warnings: result.warnings, outbox })
  )
}

/**
 * Only remembers the dead letter and raises the progress. Where another worker has applied the message meanwhile, its outcome
 * is final, and folding the message once more finds it.
 */
const bury = (items: ReadonlyArray<Item>, item: Item, options: Options, failure: unknown) => {
  const letter = failedAlone(failure)
  const refusal: Refusal = letter
  const dead: Applied = { outcomes: [letter], warnings: [], outbox: [] }
  return Effect.flatMap(
    Away.postgresUnavailable(
      PersonStore.use((store) =>
        store.transact(
          { group: options.group, progress: [item.at], names: [], looks: [], groups: [], countIdsUpTo: 0 },
          (snapshot) => {
            const isApplied = snapshot.applied(item.at)
            const changes = isApplied ? unchanged : { ...unchanged, refusals: [{ at: item.at, refusal }] }
            return { changes, result: isApplied, messages: () => [] }
          }
        )
      )
    ),
    ({ result: isApplied }) =>
      isApplied ? orElse(attempt(items, options), () => Effect.succeed(dead)) : Effect.succeed(dead)
  )
}

/** Failures and bugs lead to `next`, an interruption passes. */
const orElse = <A, E, R, A2, E2, R2>(
  self: Effect.Effect<A, E, R>,
  next: (failure: unknown) => Effect.Effect<A2, E2, R2>
): Effect.Effect<A | A2, E2, R | R2> =>
  Effect.catchCause(self, (cause) => (Cause.hasInterrupts(cause) ? Effect.interrupt : next(Cause.squash(cause))))

const failedAlone = (failure: unknown): Outcome.DeadLetter => failed("persons", failure)

const eventsOf = (items: ReadonlyArray<Item>): ReadonlyArray<Event> =>
  items.flatMap(({ event }) => (event === undefined ? [] : [event]))

const alignWith = (
  items: ReadonlyArray<Item>,
  outcomes: ReadonlyArray<Outcome.Outcome<ProcessedEvent>>
): Applied["outcomes"] => {
  let taken = 0
  return items.map(({ event }) => (event === undefined ? undefined : outcomes[taken++]))
}

const concat = (parts: ReadonlyArray<Applied>): Applied => ({
  outcomes: parts.flatMap(({ outcomes }) => outcomes),
  warnings: parts.flatMap(({ warnings }) => warnings),
  outbox: parts.flatMap(({ outbox }) => outbox)
})
