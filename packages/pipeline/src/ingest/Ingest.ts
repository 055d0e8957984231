/**
 * Ingestion: the five steps that an event meets, in order, and the batch that carries it through them (spec worker 1).
 *
 *   0 admit      parse, project, validation; may drop, redirect or dead-letter
 *   1 transform  the only place that may change an event
 *   2 person  ┐
 *   3 event   ┘  one pure fold over a snapshot, in one transaction
 *   4 write      events, dead letters, warnings, metrics and the outbox, acknowledged before anything is committed
 *
 * (Step 5, delivery to destinations, reads what step 4 wrote, as a consumer of its own.) Stages are values: an embedding
 * program replaces or wraps one by handing another to `make`.
 */
import type { Event, ProcessedEvent } from "@tributary/domain/event/Event"
import type { Outcome } from "@tributary/domain/event/Outcome"
import type * as Fold from "@tributary/domain/person/Fold"
import * as PersonStep from "@tributary/domain/person/PersonStep"
import * as Effect from "effect/Effect"
import type { FunctionStore } from "../service/FunctionStore.ts"
import type { GroupTypes } from "../service/GroupTypes.ts"
import type { Health } from "../service/Health.ts"
import type { LogRecord } from "../service/LogMessage.ts"
import type { PersonStore } from "../service/PersonStore.ts"
import type { Producer } from "../service/Producer.ts"
import { ProjectStore } from "../service/ProjectStore.ts"
import type { Restrictions } from "../service/Restrictions.ts"
import * as Span from "../service/Span.ts"
import * as Admit from "./Admit.ts"
import { apply } from "./Apply.ts"
import type { Admitted } from "./admit/Admitted.ts"
import * as EventStep from "./Event.ts"
import type { Settings } from "./Settings.ts"
import { makeNotes, onSurvivors, type Stage } from "./Stage.ts"
import * as Transform from "./Transform.ts"
import * as Write from "./Write.ts"

export interface Stages<R> {
  readonly admit: Stage<LogRecord, Admitted, never, R>
  readonly transform: Stage<Admitted, Event, never, R>
  readonly person: Fold.PersonStep
  readonly event: Fold.EventStep
  readonly write: Write.Write<R>
}

/** Takes one batch all the way: when it succeeds, every output is acknowledged and the positions may be committed. */
export type Ingest<R> = (group: string, records: ReadonlyArray<LogRecord>) => Effect.Effect<void, never, R>

type Always = PersonStore | ProjectStore | GroupTypes | Health

export const make = <R>(stages: Stages<R>, settings: Settings): Ingest<R | Always> => {
  const ingest = Effect.fnUntraced(function* (group: string, records: ReadonlyArray<LogRecord>) {
    const notes = makeNotes()
    const admitted = yield* stages.admit(records, notes).pipe(Span.within("Ingest.admit"))
    const transformed = yield* onSurvivors(stages.transform, admitted, notes).pipe(Span.within("Ingest.transform"))
    const named = EventStep.resolveGroupTypes(transformed)
    const { groupTypes, outcomes: resolved } = yield* named.pipe(Span.within("Ingest.groupTypes"))
    const events = resolved.map((outcome) => (outcome._tag === "Continue" ? outcome.value : undefined))
    // A redirected message must be in its lane before the progress passes it: nothing would bring it back.
    const settled = yield* stages.write.redirect(records, resolved).pipe(Span.within("Ingest.redirect"))
    const applied = yield* apply(
      records.map((record, index) => ({ at: record, event: events[index] })),
      { group, groupTypes, settings: settings.fold, steps: { person: stages.person, event: stages.event } }
    ).pipe(Span.within("Ingest.personAndEvent"))
    notes.warnings.push(...applied.warnings)
    const outcomes = settled.map((outcome, index): Outcome<ProcessedEvent> => {
      if (outcome._tag !== "Continue") return outcome
      const folded = applied.outcomes[index]
      if (folded === undefined) throw new Error("the fold left an event without an outcome")
      return folded
    })
    const written = { records, outcomes, teams: admitted.map(teamOf), notes, outbox: applied.outbox }
    yield* stages.write.batch(written).pipe(Span.within("Ingest.write"))
    if (!settings.skipIngestedFlag) yield* markIngested(events)
  })
  return (group, records) =>
    ingest(group, records).pipe(Span.within("Ingest.batch", { group, messages: records.length }))
}

const teamOf = (outcome: Outcome<Admitted>): number | undefined => {
  switch (outcome._tag) {
    case "Continue":
      return outcome.value.project.id
    case "DeadLetter":
      return outcome.team
    case "Drop":
    case "Redirect":
      return undefined
  }
}

/** The stages of the specification. */
export const stages = (
  settings: Settings,
  topics: { readonly overflow: string }
): Stages<ProjectStore | Restrictions | FunctionStore | Producer | PersonStore | Health> => ({
  admit: Admit.make(settings, topics.overflow),
  transform: Transform.stage,
  person: PersonStep.step,
  event: EventStep.step,
  write: Write.make(topics)
})

/** The project's flag `ingested_event`, once, and as best effort: a later event tries again (spec worker 4.3). */
const markIngested = (events: ReadonlyArray<Event | undefined>): Effect.Effect<void, never, ProjectStore> => {
  const ids = new Set<number>()
  for (const event of events) {
    if (event !== undefined && !event.project.ingestedEvent && event.event !== "$$plugin_metrics") {
      ids.add(event.project.id)
    }
  }
  if (ids.size === 0) return Effect.void
  return ProjectStore.use((store) => store.markIngested([...ids])).pipe(
    Effect.catch((error) => Effect.logWarning("ingested_event could not be set", { cause: String(error.cause) }))
  )
}
